"""Binds what a step may ask of the world to integrations."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from app.capabilities import Channel, Completion, Http, HttpRequest, HttpResponse, Llm, ModelRequest
from app.core.db import unit_of_work
from app.core.ids import WorkspaceId
from app.core.settings import Settings
from app.flows import testing
from app.flows.node_type import ErrorKind, Message, NodeError, Open, Result, Suspend
from app.flows.perform import make_perform
from app.flows.ports import Perform, StepRequest
from app.integrations.http import AioHttp
from app.integrations.llm.client import LiteLlm
from app.models.flow_runs import FlowRun
from app.realtime.publish import RedisSink
from app.repositories import waits
from app.repositories.leases import Claimed
from app.repositories.waits import SPREAD, SUBFLOW
from app.services import credentials
from app.services.snapshots import Snapshot
from workers import bounds, spread, sub_runs
from workers.kept import RunKeeper
from workers.late import LateCalls
from workers.simulation import Intentions, RecordingChannel, RecordingHttp
from workers.toll import RunToll, Tolls

Ring = Callable[[UUID], Awaitable[None]]


class Wiring:
    """The integrations of one process."""

    def __init__(self, settings: Settings) -> None:
        self._llm = LiteLlm(settings.demo_llm_url)
        self._http = AioHttp(settings.http_allowed_hosts)
        self._tolls, self._late = Tolls(), LateCalls()

    async def close(self) -> None:
        await self._late.close()
        await self._http.close()
        await self._llm.close()

    def toll(self, run: Claimed, snapshot: Snapshot) -> RunToll:
        """What the model calls of one run have to pass."""
        return RunToll(self._tolls, self._late, run, snapshot)

    def perform(
        self,
        run: Claimed,
        snapshot: Snapshot,
        sink: RedisSink,
        ring: Ring,
        toll: RunToll,
        parts: dict[tuple[str, str], list[FlowRun]],
    ) -> Perform:
        """What performs the steps of one run. A map that spreads puts the rows of its parts into `parts`."""
        intentions = Intentions()

        def bindings(request: StepRequest) -> dict[str, Any]:
            node, path, key = request.node.id, request.path, request.idempotency_key
            emit = _Emit(sink, str(run.id), node, path)
            # Streams are read straight from the wire, which costs less than a whole answer through the SDK.
            shown = emit.delta if run.options.get("stream") else _unheard
            llm = _WithOptions(self._llm.bind(shown, key, partial(toll.call, request)), run.options)
            http: Http = _WithCredentials(self._http, run.workspace_id)
            channel: Channel = _ConversationChannel(key, run.conversation_id)
            if run.simulate:
                meant = intentions.of(node, path)
                http, channel = RecordingHttp(http, meant), RecordingChannel(channel, meant)
            return {"llm": llm, "http": http, "channel": channel, "emit": emit}

        remembered = snapshot.conversation_variables() if run.conversation_id else frozenset()
        tested = "answers" in run.options
        keeper = None if tested else RunKeeper(run)
        inner = make_perform(snapshot.plan, bindings, simulate=run.simulate, keeper=keeper)
        if tested:
            inner = testing.canned(inner, run.options["answers"])

        async def perform(request: StepRequest) -> Result:
            step = request.node.id, request.path
            if request.wait is not None and request.wait.get("kind") == SPREAD:
                return await spread.gathered(run, request)
            intentions.begin(*step)
            result = intentions.told(*step, await inner(request))
            bounds.check(result, remembered)
            if isinstance(result, Open) and spread.may_spread(run, result):
                waiting, parts[step] = spread.parts(run, toll.budgets, request, result)
                return waiting
            if not (isinstance(result, Suspend) and result.wait["kind"] == SUBFLOW):
                return result
            ready, detached = await sub_runs.prepare(
                run, request.node.id, request.path, result.wait, toll.budgets
            )
            if detached is not None:
                await ring(detached)
            return ready

        return perform


def _unheard(_text: str) -> None:
    """Nobody watches this run: its text is in the journal."""


@dataclass(frozen=True, slots=True)
class _Emit:
    sink: RedisSink
    run_id: str
    node: str
    path: str

    def delta(self, text: str) -> None:
        self.sink.delta(self.run_id, self.node, self.path, text)


@dataclass(frozen=True, slots=True)
class _WithOptions:
    """A model under the wishes of the caller of the run."""

    llm: Llm
    options: Mapping[str, Any]

    async def complete(self, request: ModelRequest) -> Completion:
        wishes = {name: self.options[name] for name in ("temperature", "max_tokens") if name in self.options}
        return await self.llm.complete(replace(request, **wishes) if wishes else request)


@dataclass(frozen=True, slots=True)
class _WithCredentials:
    """Calls with the workspace's credential of the slot that a step names."""

    http: Http
    workspace_id: UUID

    async def send(self, request: HttpRequest) -> HttpResponse:
        if not request.credential:
            return await self.http.send(request)
        async with unit_of_work() as session:
            found = await credentials.opened(session, WorkspaceId(self.workspace_id), request.credential)
        if found is None:
            raise NodeError(
                ErrorKind.AUTH, "http.credential_unbound", param="credential", slot=request.credential
            )
        return await self.http.send(_signed(replace(request, credential=None), *found))


def _signed(request: HttpRequest, kind: str, values: Mapping[str, Any]) -> HttpRequest:
    headers, query = dict(request.headers), dict(request.query)
    match kind:
        case "bearer":
            headers["Authorization"] = f"Bearer {values['token']}"
        case "basic":
            pair = f"{values['username']}:{values['password']}".encode()
            headers["Authorization"] = f"Basic {b64encode(pair).decode()}"
        case "header":
            headers[values["name"]] = values["value"]
        case "query":
            query[values["name"]] = values["value"]
        case "hmac":
            body = orjson.dumps(request.json) if request.json is not None else (request.body or "").encode()
            digest = hmac.new(str(values["secret"]).encode(), body, hashlib.sha256).hexdigest()
            headers["X-Signature"] = f"sha256={digest}"
    return replace(request, headers=headers, query=query)


@dataclass(frozen=True, slots=True)
class _ConversationChannel:
    """Replies in the run's own conversation. The journal stores the message with the step that sent it."""

    key: str
    conversation_id: UUID | None

    async def send(
        self, text: str, buttons: Sequence[Mapping[str, str]] = (), to: str | None = None
    ) -> Message:
        if to:
            raise NodeError(ErrorKind.INVALID_INPUT, "channel.no_such_recipient", param="to", to=to)
        return Message(id=self.key, text=text, buttons=[dict(button) for button in buttons])

    async def opted_out(self) -> bool:
        if self.conversation_id is None:
            return False
        async with unit_of_work() as session:
            return await waits.opted_out(session, self.conversation_id) is not None

    async def opt_out(self) -> None:
        if self.conversation_id is not None:
            async with unit_of_work() as session:
                await waits.opt_out(session, self.conversation_id)
