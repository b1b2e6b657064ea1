"""One step from its first attempt to the events that record it: timeout, retries, and what its policy does then."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from app.flows.events import ErrorValue, Event, StepFailed, StepOpened, StepSucceeded, StepWaiting
from app.flows.node_type import ErrorKind, InnerError, Next, NodeError, Open, Result, Stop, Suspend
from app.flows.plan import ERROR_PORT, PlannedNode
from app.flows.ports import Perform, StepRequest
from app.flows.storable import mended, plain
from app.flows.wording import sentence

LONGEST_PAUSE_S: Final = 3_600.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs steps. `jitter` gives a number from 0 to 1."""

    perform: Perform
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[Any]]
    jitter: Callable[[], float]

    async def events(self, request: StepRequest, *, refused: NodeError | None = None) -> list[Event]:
        """What the step leaves in the journal. Never raises but for a cancellation. `refused`: do not even try."""
        node, at, began = request.node, self.now().isoformat(), time.perf_counter()
        attempt, error = 1, refused
        result: Result | None = None
        if error is None:
            result, error, attempt = await self._attempts(request)
        taken_ms = round((time.perf_counter() - began) * 1000, 3)
        if request.wait is not None and "since" in request.wait:
            at = str(request.wait["since"])
            taken_ms = round((self.now() - datetime.fromisoformat(at)).total_seconds() * 1000, 3)
        done: list[Event] = []
        if result is not None:
            try:
                done = self._told(request, result, attempt, at, taken_ms)
            except NodeError as fault:
                error = fault
        if error is not None:
            value = error_value(error, node.id, attempt, request.path)
            if isinstance(error, InnerError):
                value = error.value
            failed = by_policy(node, request.path, value, at, taken_ms)
            if (usage := request.bill.usage(None)) is not None:
                failed["usage"] = usage
            if request.bill.steps:
                failed["steps"] = request.bill.steps
            return [failed]
        return done

    def _told(
        self, request: StepRequest, result: Result, attempt: int, at: str, taken_ms: float
    ) -> list[Event]:
        """A result as events. Raises `NodeError` for a value that cannot be stored."""
        if isinstance(result, Suspend):
            return [_waiting(request, result, at)]
        if isinstance(result, Open):
            return [_opened(request, result, at)]
        if isinstance(result, Stop):
            end = _succeeded(request, Next((), None), attempt, at, taken_ms)
            return [end, _stopped(request.node.id, result, self.now().isoformat())]
        return [_succeeded(request, result, attempt, at, taken_ms)]

    def done(self, request: StepRequest, result: Next) -> StepSucceeded:
        """The event of a step whose result somebody else knows."""
        since = str((request.wait or {}).get("since") or self.now().isoformat())
        taken_ms = round((self.now() - datetime.fromisoformat(since)).total_seconds() * 1000, 3)
        return _succeeded(request, result, 1, since, taken_ms)

    async def _attempts(self, request: StepRequest) -> tuple[Result | None, NodeError | None, int]:
        while True:
            try:
                return await self._once(request), None, request.attempt
            except NodeError as error:
                if request.signal is not None or not _may_retry(request.node, error, request.attempt):
                    return None, error, request.attempt
                await self.sleep(self._pause_s(request, error))
            request = replace(request, attempt=request.attempt + 1, now=self.now())

    async def _once(self, request: StepRequest) -> Result:
        """One attempt. Everything that goes wrong becomes a `NodeError`."""
        node = request.node
        canned = _canned(request)
        if canned is not None:
            return canned
        try:
            if node.policy.timeout_s is None:
                result = await self.perform(request)
            else:
                async with asyncio.timeout(node.policy.timeout_s):
                    result = await self.perform(request)
        except NodeError:
            raise
        except TimeoutError:
            raise NodeError(ErrorKind.TIMEOUT, "step.timeout", timeout_s=node.policy.timeout_s) from None
        except Exception as error:
            _log.exception("step.raised", run_id=request.run_id, node=node.id, type=node.type.key)
            raise NodeError(ErrorKind.BUG, "step.bug", type=type(error).__name__) from error
        if isinstance(result, Next):
            unknown = [port for port in _ports(result) if port not in node.ports]
            if unknown:
                raise NodeError(ErrorKind.BUG, "step.unknown_port", port=unknown[0])
        return result

    def _pause_s(self, request: StepRequest, error: NodeError) -> float:
        retry = request.node.policy.retry
        pause_s = float(retry.backoff_s) * 2.0 ** (request.attempt - 1)
        if retry.jitter:
            pause_s *= 0.5 + self.jitter()
        return min(max(pause_s, error.retry_after_s or 0.0), LONGEST_PAUSE_S)


def error_value(error: NodeError, node: str | None, attempts: int, place: str = "") -> ErrorValue:
    """An error as it is stored. Its sentence is for the flow, in English; a reader gets one made from the code."""
    value: ErrorValue = {
        "kind": error.kind.value,
        "code": error.code,
        "message": "",
        "retryable": error.kind.retryable,
        "attempts": attempts,
        "node": node,
        "context": mended(error.context),
    }
    if error.param is not None:
        value["param"] = mended(error.param)
    if error.path is not None:
        value["path"] = mended(error.path)
    if place:
        value["place"] = place
    value["message"] = mended(str(error.context.get("message") or sentence(value)))
    return value


def _may_retry(node: PlannedNode, error: NodeError, attempt: int) -> bool:
    """An unsafe step is only repeated when it was surely not performed: it was turned away at the door."""
    if not error.kind.retryable or attempt > node.policy.retry.max:
        return False
    return node.effects != "unsafe" or error.kind is ErrorKind.RATE_LIMITED


def _canned(request: StepRequest) -> Next | None:
    """The answer of a node that is not performed: a disabled one passes its input on, a mocked one its mock."""
    node = request.node
    if not node.node.enabled:
        return Next(node.main_port, request.input)
    if node.policy.mock is not None:
        return Next(node.main_port, node.policy.mock)
    return None


def _ports(result: Next) -> tuple[str, ...]:
    return (result.port,) if isinstance(result.port, str) else tuple(result.port)


def _succeeded(request: StepRequest, result: Next, attempts: int, at: str, taken_ms: float) -> StepSucceeded:
    event: StepSucceeded = {
        "type": "step.succeeded",
        "node": request.node.id,
        "path": request.path,
        "ports": list(_ports(result)),
        "output": plain(result.output),
        "attempts": attempts,
        "started_at": at,
        "duration_ms": taken_ms,
    }
    if result.state:
        event["state"] = {name: plain(value, f"state.{name}") for name, value in result.state.items()}
    if result.messages:
        event["messages"] = plain(list(result.messages), "messages")
    usage = request.bill.usage(result.usage)
    if usage is not None:
        event["usage"] = usage
    if request.bill.steps:
        event["steps"] = request.bill.steps
    if result.tasks:
        event["tasks"] = [plain(dict(task), "task") for task in result.tasks]
    if result.cached:
        event["cached"] = True
    if result.effects:
        event["effects"] = [plain(dict(effect), "effect") for effect in result.effects]
    return event


def _waiting(request: StepRequest, result: Suspend, at: str) -> StepWaiting:
    """A step that waits again counts on, so that no two of its waits are the same."""
    before = request.wait or {}
    wait: dict[str, Any] = {
        **plain(result.wait, "wait"),
        "round": before.get("round", 0) + 1,
        "since": before.get("since", at),
    }
    event: StepWaiting = {
        "type": "step.waiting", "node": request.node.id, "path": request.path, "wait": wait, "at": at
    }  # fmt: skip
    if result.messages:
        event["messages"] = plain(list(result.messages), "messages")
    return event


def _opened(request: StepRequest, result: Open, at: str) -> StepOpened:
    event: StepOpened = {
        "type": "step.opened",
        "node": request.node.id,
        "path": request.path,
        "first": request.rounds,
        "count": result.count,
        "parallel": max(result.parallel, 1),
        "on_error": result.on_error,
        "again": result.again,
        "at": at,
    }
    limit_s = request.node.policy.timeout_s
    if limit_s is not None and not request.rounds:
        event["due_at"] = (datetime.fromisoformat(at) + timedelta(seconds=limit_s)).isoformat()
    return event


def by_policy(
    node: PlannedNode, path: str, error: ErrorValue, at: str, taken_ms: float
) -> StepSucceeded | StepFailed:
    """A failure becomes the default value, leaves by the `error` port, or fails the run."""
    policy = node.policy
    if policy.on_error == "fail":
        return {
            "type": "step.failed", "node": node.id, "path": path, "error": error,
            "started_at": at, "duration_ms": taken_ms,
        }  # fmt: skip
    by_port = policy.on_error == "port"
    return {
        "type": "step.succeeded",
        "node": node.id,
        "path": path,
        "ports": [ERROR_PORT] if by_port else list(node.main_port),
        "output": dict(error) if by_port else policy.default,
        "error": error,
        "attempts": error["attempts"],
        "started_at": at,
        "duration_ms": taken_ms,
    }


def _stopped(node: str, result: Stop, at: str) -> Event:
    error: ErrorValue | None = None
    if result.outcome == "failed":
        fault = NodeError(ErrorKind.POLICY, "run.stopped", message=result.message)
        error = error_value(fault, node, 1)
    return {
        "type": "run.stopped", "outcome": result.outcome, "node": node, "message": plain(result.message, "message"),
        "error": error, "at": at,
    }  # fmt: skip
