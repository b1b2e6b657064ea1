"""Starting, watching and cancelling runs.

A run is queued in the caller's transaction and rung for after its commit. Waiting for its end is done outside of
any transaction.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import jobs
from app.core.clock import new_id, now
from app.core.db import after_commit, unit_of_work
from app.core.ids import WorkspaceId
from app.core.principal import Principal
from app.errors import Conflict, Invalid, NotFound
from app.flows import codec
from app.flows.events import LiveEvent
from app.flows.live import live
from app.flows.wording import sentence
from app.models.flow_runs import DEAD as DEAD
from app.models.flow_runs import FlowRun, RunStatus
from app.realtime import follow as reading
from app.realtime.hub import Listener
from app.realtime.publish import CANCELS, tell
from app.repositories import leases
from app.repositories.conversations import Conversations
from app.repositories.flow_runs import FlowRuns, RunnableFlows, insert_once, pin
from app.repositories.journal import load_events
from app.repositories.waits import FOR_RUNS, FlowWaits, deliver, reply_key
from app.schemas.flow_runs import RunItem, RunPage, RunView, StartInline, StartRun, StepView
from app.services import snapshots
from app.services.flow_documents import in_words
from app.services.snapshots import Snapshot
from app.services.steps import steps_of
from app.services.storable import refuse_unstorable

WAIT_S = 120.0
_POLL_S = 1.0


Queueing = Callable[[AsyncSession], Awaitable[UUID | None]]


class FlowHasProblems(Invalid):
    """The flow cannot run. `context["problems"]` lists every error-level problem."""

    code = "flow.has_problems"


class InputRefused(Invalid):
    """The input does not fit the flow's `inputs`. `context["fields"]` names each place."""

    code = "run.input_refused"


class NoTrigger(Invalid):
    code = "run.no_trigger"


class RunEnded(Conflict):
    code = "run.already_ended"


class DetailsRemoved(Conflict):
    """The run ended so long ago that its journal was removed."""

    code = "run.details_removed"


class NotListening(Conflict):
    code = "run.not_listening"


async def queue_stored(
    session: AsyncSession,
    principal: Principal,
    flow_id: UUID,
    asked: StartRun,
    source: str = "api",
    *,
    stream: bool = False,
) -> UUID:
    """Queue a run of a stored flow. `stream`: someone wants to see text while it comes.

    Raises `NotFound`, `FlowHasProblems`, `InputRefused`, `NotStorable`.
    """
    snapshot, version = await choose(session, principal, flow_id, asked.draft)
    if asked.conversation_id is not None:
        await Conversations(session, principal.workspace_id).hold(asked.conversation_id)
    row = FlowRun(
        workspace_id=principal.workspace_id,
        flow_id=flow_id,
        version=version,
        snapshot_hash=snapshot.hash,
        trigger="",
        input=asked.input,
        simulate=asked.simulate,
        conversation_id=asked.conversation_id,
        options={"stream": stream},
        source=source,
    )
    return await queue(session, principal, row, snapshot)


async def queue_inline(
    session: AsyncSession,
    principal: Principal,
    asked: StartInline,
    source: str = "api",
    *,
    stream: bool = False,
) -> UUID:
    """Queue a run of a document that is not stored. Raises also `FlowFormatError`."""
    snapshot = snapshots.of_flow(codec.parse(asked.flow))
    row = FlowRun(
        workspace_id=principal.workspace_id,
        snapshot_hash=snapshot.hash,
        trigger="",
        input=asked.input,
        simulate=asked.simulate,
        options={"stream": stream},
        source=source,
    )
    return await queue(session, principal, row, snapshot)


async def queue(
    session: AsyncSession, principal: Principal, row: FlowRun, snapshot: Snapshot, chat: bool = False
) -> UUID:
    """Check what is to run, store the row and ring after the commit."""
    prepare(principal, row, snapshot, chat)
    await pin(session, snapshot.hash, snapshot.document)
    if await insert_once(session, row):
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(row.id)}, durable=False)
    return row.id


def prepare(principal: Principal, row: FlowRun, snapshot: Snapshot, chat: bool) -> None:
    """Complete the row of a run. Raises what forbids it."""
    row.trigger = ready_to_run(snapshot, row.input, principal.locale, chat)
    row.id = fresh_id()
    row.created_by, row.workspace_id = principal.user_id, principal.workspace_id
    row.options = {"stream": row.source != "api"} | row.options


def fresh_id() -> UUID:
    """The id of a new run; ids sort by age."""
    return new_id()


async def queue_once(session: AsyncSession, row: FlowRun, snapshot: Snapshot) -> None:
    """Store a run that nobody but an event asked for, and ring; a run of this id that is there already stays."""
    if snapshot.errors:
        found = in_words(snapshot.errors, "en")
        raise FlowHasProblems(problems=[problem.model_dump() for problem in found])
    refuse_unstorable(row.input, "input")
    await pin(session, snapshot.hash, snapshot.document)
    row.created_at = row.rung_at = now()
    if await insert_once(session, row):
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(row.id)}, durable=False)


async def choose(
    session: AsyncSession, principal: Principal, flow_id: UUID, draft: bool | None
) -> tuple[Snapshot, int | None]:
    """What is run, and its version. Keys run what is published unless they ask for the draft; people at the editor
    run the draft. A document this process knows is not fetched again.
    """
    flows = RunnableFlows(session, principal.workspace_id)
    of_draft = wants_draft(principal, draft)
    semantic_hash, version = await flows.pinned_hash(flow_id, draft=of_draft)
    known = snapshots.find(semantic_hash)
    if known is not None:
        return known, version
    runnable = await (flows.draft(flow_id) if of_draft else flows.published_or_draft(flow_id))
    return snapshots.of(runnable.document, runnable.semantic_hash), runnable.version


def wants_draft(principal: Principal, draft: bool | None) -> bool:
    """Whether a caller who said `draft` runs what stands in the editor."""
    return principal.via != "api_key" if draft is None else draft


def ready_to_run(snapshot: Snapshot, run_input: Any, locale: str, chat: bool = False) -> str:
    """The id of the node that starts. Raises what forbids the run, with every place."""
    if snapshot.errors:
        found = in_words(snapshot.errors, locale)
        raise FlowHasProblems(problems=[problem.model_dump() for problem in found])
    trigger = snapshot.trigger(chat)
    if trigger is None:
        raise NoTrigger(type="trigger.chat" if chat else "trigger.call")
    refuse_unstorable(run_input, "input")
    faults = sorted(snapshot.inputs.iter_errors(run_input), key=lambda fault: list(map(str, fault.path)))
    if faults:
        fields = [
            {
                "path": ".".join(["input", *map(str, fault.absolute_path)]),
                "code": str(fault.validator),
                "message": fault.message[:300],
            }
            for fault in faults[:50]
        ]
        raise InputRefused(path=fields[0]["path"], reason=fields[0]["message"], fields=fields)
    return trigger


async def start(
    principal: Principal, queueing: Callable[[AsyncSession], Awaitable[UUID]], wait: bool
) -> RunView:
    """Queue in a transaction of its own; with `wait` answer when the run has ended or waits for somebody, or as it is
    after a while.
    """
    run_id = await begin(principal, queueing, wait=wait)
    return await get(principal, run_id or UUID(int=0))


async def begin(principal: Principal, queueing: Queueing, *, wait: bool) -> UUID | None:
    """`start`, for a caller who reads the run in his own way. None when there is no run to wait for."""
    return await begin_for(queueing, wait=wait)


async def begin_for(queueing: Queueing, *, wait: bool) -> UUID | None:
    """`begin`, for a caller who is nobody in particular."""
    if not wait:
        async with unit_of_work() as session:
            return await queueing(session)
    ends = await reading.ends()
    async with AsyncExitStack() as stack:
        async with unit_of_work() as session:
            run_id = await queueing(session)
            if run_id is None:
                return None
            # Before the commit, and so before anybody can drive the run: no end is missed.
            ended = stack.enter_context(ends.expect(run_id))
        await rested(run_id, ended.event)
    return run_id


async def rested(run_id: UUID, told: asyncio.Event) -> None:
    """Return when the run has ended or waits for somebody, or after `WAIT_S`. Asks the database when no word comes."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while asyncio.get_running_loop().time() < deadline:
        try:
            async with asyncio.timeout(_POLL_S):
                await told.wait()
            return
        except TimeoutError:
            if await _at_rest(run_id):
                return


async def _at_rest(run_id: UUID) -> bool:
    async with unit_of_work() as session:
        return await leases.at_rest(session, run_id)


async def get(principal: Principal, run_id: UUID) -> RunView:
    async with unit_of_work() as session:
        row = await FlowRuns(session, principal.workspace_id).get(run_id)
    return run_view(row, principal.locale)


async def get_for(workspace_id: WorkspaceId, run_id: UUID) -> RunView:
    """A run as its workspace sees it, for a caller who is nobody in particular."""
    async with unit_of_work() as session:
        return run_view(await FlowRuns(session, workspace_id).get(run_id), "en")


async def latest(session: AsyncSession, principal: Principal, flow_id: UUID) -> list[RunView]:
    """The last 50 runs of a flow, newest first. Raises `NotFound` for a flow of another workspace."""
    await RunnableFlows(session, principal.workspace_id).draft(flow_id)
    rows = await FlowRuns(session, principal.workspace_id).latest(flow_id)
    return [run_view(row, principal.locale) for row in rows]


async def search(
    session: AsyncSession,
    principal: Principal,
    *,
    status: str | None = None,
    dead: bool = False,
    flow_id: UUID | None = None,
    words: str = "",
    before: UUID | None = None,
    limit: int = 50,
) -> RunPage:
    """The workspace's runs, newest first. `dead`: those that failed through no fault of their flow."""
    found = await FlowRuns(session, principal.workspace_id).search(
        status=status, dead=dead, flow_id=flow_id, words=words.strip(), before=before, limit=limit + 1
    )
    items = [_item(row, name, principal.locale) for row, name in found[:limit]]
    return RunPage(items=items, next=str(items[-1].id) if len(found) > limit else None)


def _item(row: FlowRun, flow_name: str, locale: str) -> RunItem:
    view = run_view(row, locale)
    values = view.model_dump(include=set(RunItem.model_fields))
    return RunItem.model_validate({**values, "flow_name": flow_name, "cost_usd": view.usage.get("cost_usd")})


async def steps(session: AsyncSession, principal: Principal, run_id: UUID) -> list[StepView]:
    """Every step that was reached, in the order it was."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    snapshot = await pinned(session, row.snapshot_hash)
    found = steps_of(snapshot, await load_events(session, run_id))
    return [step.model_copy(update={"error": error_in_words(step.error, principal.locale)}) for step in found]


async def value(
    session: AsyncSession, principal: Principal, run_id: UUID, node: str | None, path: str, what: str
) -> Any:
    """The whole input or output of a run, or of one of its steps. Raises `NotFound` and `DetailsRemoved`."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    if node is None:
        return row.input if what == "input" else row.output
    with_details(row)
    for step in await steps(session, principal, run_id):
        if (step.node, step.path) == (node, path):
            return step.input if what == "input" else step.output
    raise NotFound("run.no_such_step", node=node, path=path)


async def snapshot_of(session: AsyncSession, principal: Principal, run_id: UUID) -> Snapshot:
    """The version of the flow that a run uses. Raises `NotFound`."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    return await pinned(session, row.snapshot_hash)


async def listens(session: AsyncSession, principal: Principal, run_id: UUID) -> bool:
    """Whether a step of the run waits for a reply."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    key = reply_key(row.conversation_id, row.id)
    return await FlowWaits(session, principal.workspace_id).listening(key)


async def reply(session: AsyncSession, principal: Principal, run_id: UUID, text: str) -> RunView:
    """Answer a run's own question. Raises `NotListening` when no step of it waits for a reply."""
    refuse_unstorable(text, "body.text")
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    signal = {"kind": "event", "source": "reply", "value": {"message": text}}
    key = reply_key(row.conversation_id, row.id)
    told = await deliver(session, principal.workspace_id, [key], signal)
    if not told:
        raise NotListening(id=str(run_id), status=row.status)
    for each in told:
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(each)}, durable=False)
    await FlowRuns(session, principal.workspace_id).refresh(row)
    return run_view(row, principal.locale)


async def cancel(session: AsyncSession, principal: Principal, run_id: UUID) -> RunView:
    """Ask a run to stop; its driver does within about a second. Raises `RunEnded` when there is nothing to stop."""
    row = await FlowRuns(session, principal.workspace_id).get(run_id)
    if RunStatus(row.status).ended:
        raise RunEnded(id=str(run_id), status=row.status)
    for asked in await leases.request_cancel(session, principal.workspace_id, run_id):
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(asked)}, durable=False)
        after_commit(session, partial(tell, CANCELS, str(asked)))
    await FlowRuns(session, principal.workspace_id).refresh(row)
    return run_view(row, principal.locale)


async def pinned(session: AsyncSession, semantic_hash: str) -> Snapshot:
    """The snapshot a run pins."""
    known = snapshots.find(semantic_hash)
    if known is None:
        document = await leases.snapshot(session, semantic_hash)
        known = snapshots.of(document or "", semantic_hash)
    return known


async def follow(
    principal: Principal, run_id: UUID, after: int = 0, *, until_rest: bool = False
) -> AsyncGenerator[LiveEvent, None]:
    """`batches`, event by event."""
    async with aclosing(batches(principal, run_id, after, until_rest=until_rest)) as found:
        async for batch in found:
            for event in batch:
                yield event


async def batches(
    principal: Principal,
    run_id: UUID,
    after: int = 0,
    *,
    until_rest: bool = False,
    joined: Listener | None = None,
) -> AsyncGenerator[list[LiveEvent], None]:
    """A run's events with numbers above `after`, until it ends; with `until_rest` also until it waits for somebody.

    Raises `NotFound` before the first. `joined` is for a caller that queued the run and listened before its bell.
    """
    if joined is None:
        view = await get(principal, run_id)
        if view.details_removed_at is not None:
            yield [_end_of(view, after + 1)]
            return

    async def rebuild() -> list[LiveEvent]:
        async with unit_of_work() as session:
            row = await FlowRuns(session, principal.workspace_id).get(run_id)
            snapshot = await pinned(session, row.snapshot_hash)
            return list(live(snapshot.plan, await load_events(session, run_id)))

    async with aclosing(reading.batches(run_id, after, rebuild, joined)) as found:
        async for batch in found:
            told = [_in_words(event, principal.locale) for event in batch]
            rests = [number for number, event in enumerate(told, 1) if until_rest and _asks(event)]
            yield told[: rests[0]] if rests else told
            if rests:
                return


def _asks(event: LiveEvent) -> bool:
    """Whether the run waits for more than the runs it called."""
    return event["type"] == "run.waiting" and not set(event["data"]["kinds"]) <= FOR_RUNS


def _in_words(event: LiveEvent, locale: str) -> LiveEvent:
    error = event.get("data", {}).get("error")
    return {**event, "data": {**event["data"], "error": error_in_words(error, locale)}} if error else event


def _end_of(view: RunView, seq: int) -> LiveEvent:
    """What is left to tell of a run whose journal is gone."""
    ended_at = view.ended_at.isoformat() if view.ended_at else None
    data = {"output": view.output, "error": view.error, "usage": view.usage, "at": ended_at}
    return {"seq": seq, "type": f"run.{view.status}", "data": data}


def with_details(row: FlowRun) -> None:
    """Raises `DetailsRemoved` for a run without a journal."""
    if row.details_removed_at is not None:
        raise DetailsRemoved(id=str(row.id), at=row.details_removed_at.date().isoformat())


def error_in_words(error: Any, locale: str) -> Any:
    """A run's located error with its sentence in the reader's language, as far as there is one."""
    if not error:
        return error
    return {**error, "message": sentence(error, locale)}


_OF_ROW: Final = tuple(set(RunView.model_fields) & set(FlowRun.model_fields))


def run_view(row: FlowRun, locale: str) -> RunView:
    duration_ms = None
    if row.started_at and row.ended_at:
        duration_ms = round((row.ended_at - row.started_at).total_seconds() * 1000, 1)
    values = {name: getattr(row, name) for name in _OF_ROW}
    computed = {
        "usage": row.usage or {},
        "error": error_in_words(row.error, locale),
        "duration_ms": duration_ms,
    }
    return RunView.model_validate({**values, **computed})
