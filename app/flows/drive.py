"""Drives one run: performs what is ready, records it, tells readers, until the run ends or waits.

Steps of effect class `none` are performed at once, in file order, and ride with the next durable append: a crash
computes them again. Every other step starts only when all before it is stored, and its result is stored before
anything that follows it starts.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Any, Final, Literal, cast

from app.flows.attempts import Performer, by_policy, error_value
from app.flows.events import ErrorValue, Event, LiveEvent
from app.flows.live import Feed
from app.flows.node_type import ErrorKind, Next, NodeError
from app.flows.plan import Plan, PlannedNode
from app.flows.ports import (
    DriveResult,
    EventSink,
    Fenced,
    Journal,
    Perform,
    Signal,
    Signals,
    StepRequest,
)
from app.flows.run_state import Opened, State, StepRef
from app.flows.scheduler import outcome, ready
from app.flows.scope import request_for

__all__ = ["DriveResult", "EventSink", "Fenced", "Journal", "Perform", "Signal", "StepRequest", "drive"]

UNKNOWN: Final = "unknown"
_BREATH: Final = 64
_MOST_UNSAVED: Final = 2_000
_MOST_UNSAVED_BYTES: Final = 8_000_000


async def drive(
    plan: Plan,
    run_id: str,
    journal: Journal,
    sink: EventSink,
    perform: Perform,
    clock: Callable[[], datetime],
    *,
    max_parallel: int = 16,
    timeout_s: float | None = None,
    cancel: asyncio.Event | None = None,
    signals: Signals | None = None,
    nudge: asyncio.Event | None = None,
    acts_as: str | None = None,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> DriveResult:
    """Take the run as far as it goes. Raises `Fenced` when another driver has it, and what the journal raises.

    `timeout_s` counts from the run's start, or from this call once the run has waited. Setting `cancel` ends the run
    as cancelled within a moment. `signals` gives what ends waits of this run; it is asked at first and whenever
    `nudge` is set. A run that does a part of another one's work `acts_as` that one. When this call itself is cancelled nothing more is recorded, and another driver may go on.
    """
    performer = Performer(perform, clock, sleep, jitter)
    bells = _Bells(cancel or asyncio.Event(), nudge or asyncio.Event())
    driver = _Driver(plan, run_id, journal, sink, performer, max_parallel, timeout_s, bells, signals, acts_as)
    try:
        return await driver.run()
    finally:
        await driver.close()


class _Bells:
    """What may call a driver that waits for its steps."""

    def __init__(self, cancel: asyncio.Event, nudge: asyncio.Event) -> None:
        self.cancel, self.nudge = cancel, nudge
        self._tasks: dict[asyncio.Event, asyncio.Task[Any]] = {}

    def awaited(self) -> list[asyncio.Task[Any]]:
        for event in (self.cancel, self.nudge):
            task = self._tasks.get(event)
            if task is None or (task.done() and not event.is_set()):
                self._tasks[event] = asyncio.create_task(event.wait())
        return list(self._tasks.values())

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()


class _Driver:
    def __init__(
        self,
        plan: Plan,
        run_id: str,
        journal: Journal,
        sink: EventSink,
        performer: Performer,
        max_parallel: int,
        timeout_s: float | None,
        bells: _Bells,
        signals: Signals | None,
        acts_as: str | None,
    ) -> None:
        self._plan, self._run_id, self._journal, self._sink = plan, run_id, journal, sink
        self._performer, self._room, self._timeout_s = performer, max(max_parallel, 1), timeout_s
        self._bells, self._signals, self._acts_as = bells, signals, acts_as or run_id
        self._feed = Feed(plan)
        self._seq, self._unsaved = 0, cast(list[Event], [])
        self._unsaved_bytes = 0  # of what is large
        self._untold: list[LiveEvent] = []
        self._running: dict[StepRef, asyncio.Task[list[Event]]] = {}
        self._again: list[StepRef] = []
        self._given_up: list[asyncio.Task[list[Event]]] = []
        self._began, self._begins_to_wait = "", False

    @property
    def _state(self) -> State:
        return self._feed.state

    async def run(self) -> DriveResult:
        unsent = await self._load()
        while not self._state.ended:
            durable = await self._collect()
            durable = await self._hear() or durable
            durable = await self._compute() or durable
            self._drop_pointless()
            self._interrupt()
            end = outcome(self._plan, self._state)
            if end is not None:
                await self._stop_running()
                self._record(cast(Event, {**end, "at": self._now()}))
            starting = [] if end is not None else self._next()
            for ref in starting:
                durable = self._announce(ref, unsent) or durable
            if durable or end is not None or self._begins_to_wait:
                await self._save()
            await self._tell()
            for ref in starting:
                self._start(ref, ref in unsent)
            again, self._again = self._again, []
            for ref in again:
                self._running[ref] = asyncio.create_task(self._performer.events(self._request(ref)))
            if end is None and not self._running:
                if self._state.waits:
                    await self._save()
                    break
                continue
            if end is None:
                await self._wait()
        return self._result()

    async def close(self) -> None:
        """Leave nothing running behind."""
        await self._stop_running()
        self._bells.close()

    async def _load(self) -> set[StepRef]:
        """Replay. The answer names steps that acted, or may have, without anybody knowing what came of it."""
        events = await self._journal.load(self._run_id)
        if not events:
            raise LookupError(f"run {self._run_id} has no first event")
        for event in events:
            self._untold += self._feed.take(event)
        self._seq = len(events)
        waited = any(event["type"] == "step.waiting" for event in events)
        self._began = self._now() if waited else self._state.started_at
        if self._state.waits:
            self._bells.nudge.set()
        await self._tell()
        return {ref for ref in self._state.sent if ref in self._state.ready}

    async def _collect(self) -> bool:
        """Record the steps that have finished, in file order; give up those that no longer matter."""
        done = [ref for ref, task in self._running.items() if task.done()]
        for ref in sorted(done, key=self._order):
            for event in self._running.pop(ref).result():
                self._record(event)
        self._drop_pointless()
        return bool(done)

    def _drop_pointless(self) -> None:
        for ref in [each for each in self._running if not self._matters(each)]:
            task = self._running.pop(ref)
            task.cancel()
            self._given_up.append(task)

    def _order(self, ref: StepRef) -> tuple[tuple[int, ...], int]:
        frame = self._state.frames.get(ref.path)
        return (frame.order if frame else ()), self._plan.by_id[ref.node].index

    def _matters(self, ref: StepRef) -> bool:
        return ref in self._state.ready or ref in self._state.waits

    async def _hear(self) -> bool:
        """Let waiting steps go on for which a signal came. Returns whether that must be stored first."""
        if self._signals is None or not self._bells.nudge.is_set():
            return False
        self._bells.nudge.clear()
        timed_out = False
        for signal in await self._signals():
            ref = StepRef(signal.node, signal.path)
            if ref in self._state.opened and signal.value.get("kind") == "due":
                self._expire(ref)
                timed_out = True
            wait = self._state.waits.get(ref)
            if wait is None or ref in self._running:
                continue
            if wait.get("kind") == UNKNOWN and signal.value.get("decision") == "retry":
                # Asked again should this attempt be cut off too.
                self._record(self._asked_what_came_of(ref, int(wait.get("round", 1)) + 1))
                self._again.append(ref)
                continue
            key = f"{self._acts_as}:{ref.node}:{ref.path}:{wait.get('round', 1) + 1}"
            request = replace(self._request(ref), wait=wait, signal=signal.value, idempotency_key=key)
            self._running[ref] = asyncio.create_task(self._resumed(request))
        return timed_out or bool(self._again)

    async def _resumed(self, request: StepRequest) -> list[Event]:
        said = request.signal or {}
        if (request.wait or {}).get("kind") != UNKNOWN:
            return await self._performer.events(request)
        if said.get("decision") == "done":
            try:
                return [self._performer.done(request, Next(request.node.main_port, said.get("output")))]
            except NodeError as error:
                return await self._performer.events(request, refused=error)
        return await self._performer.events(request, refused=_unknown())

    async def _compute(self) -> bool:
        """Perform steps without effects until there are none. Returns whether a container's time was over."""
        count, timed_out = 0, False
        while True:
            timed_out = self._expire_containers() or timed_out
            refs = [ref for ref in self._ready() if _inline(self._plan.by_id[ref.node])]
            if not refs or outcome(self._plan, self._state) is not None:
                return timed_out
            for ref in refs:
                if ref not in self._state.ready:
                    continue  # an earlier one of these made it pointless
                for event in await self._performer.events(self._request(ref)):
                    self._record(event)
                count += 1
                if count % _BREATH == 0:
                    await asyncio.sleep(0)
                if self._holds_much():
                    await self._save()
                    await self._tell()
                if self._state.stopped or self._bells.cancel.is_set():
                    return timed_out

    def _holds_much(self) -> bool:
        return (
            len(self._unsaved) > _MOST_UNSAVED
            or len(self._untold) > _MOST_UNSAVED
            or self._unsaved_bytes > _MOST_UNSAVED_BYTES
        )

    def _ready(self) -> tuple[StepRef, ...]:
        return ready(self._plan, self._state, self._running)

    def _expire_containers(self) -> bool:
        """Fail containers whose time is over, outer ones first."""
        if self._plan.timed:
            now = self._performer.now()
            due = [ref for ref, opened in self._state.opened.items() if _left_s(opened, now) <= 0]
            for ref in sorted(due, key=self._order):
                if ref in self._state.opened:
                    self._expire(ref)
            return bool(due)
        return False

    def _expire(self, ref: StepRef) -> None:
        node, opened = self._plan.by_id[ref.node], self._state.opened[ref]
        fault = NodeError(ErrorKind.TIMEOUT, "container.timeout", timeout_s=node.policy.timeout_s)
        taken = self._performer.now() - datetime.fromisoformat(opened.at)
        value = error_value(fault, node.id, 1, ref.path)
        self._record(by_policy(node, ref.path, value, opened.at, round(taken.total_seconds() * 1000, 3)))

    def _interrupt(self) -> None:
        """End the run where somebody asks for it or its time is over."""
        if self._state.stopped or self._state.ended:
            return
        if self._bells.cancel.is_set():
            self._stop("cancelled", None)
        elif (left_s := self._left_s()) is not None and left_s <= 0:
            fault = NodeError(ErrorKind.TIMEOUT, "run.timeout", timeout_s=self._timeout_s)
            self._stop("failed", error_value(fault, None, 1))

    def _stop(self, how: Literal["failed", "cancelled"], error: ErrorValue | None) -> None:
        if outcome(self._plan, self._state) is None:
            at = self._now()
            self._record(
                {"type": "run.stopped", "outcome": how, "node": None, "message": "", "error": error, "at": at}
            )

    def _next(self) -> list[StepRef]:
        free = self._room - len(self._running)
        return [ref for ref in self._ready() if not _inline(self._plan.by_id[ref.node])][: max(free, 0)]

    def _announce(self, ref: StepRef, unsent: set[StepRef]) -> bool:
        """Before an unsafe step acts, the journal knows that it will."""
        node = self._plan.by_id[ref.node]
        if node.effects != "unsafe" or not _acts(node) or ref in unsent:
            return False
        self._record({"type": "step.sent", "node": ref.node, "path": ref.path, "at": self._now()})
        return True

    def _start(self, ref: StepRef, unknown: bool) -> None:
        if unknown and self._plan.by_id[ref.node].policy.on_error == "fail":
            self._record(self._asked_what_came_of(ref, 1))
            self._bells.nudge.set()
            return
        refused = _unknown() if unknown else self._unpaid(ref)
        steps = self._performer.events(self._request(ref), refused=refused)
        self._running[ref] = asyncio.create_task(steps)

    def _asked_what_came_of(self, ref: StepRef, round_: int) -> Event:
        """Nobody knows whether an unsafe step was done, and its policy has no answer: a person does."""
        at = self._now()
        wait = {"kind": UNKNOWN, "round": round_, "since": at}
        return {"type": "step.waiting", "node": ref.node, "path": ref.path, "wait": wait, "at": at}

    def _unpaid(self, ref: StepRef) -> NodeError | None:
        limit = self._plan.flow.settings.budget_usd
        category = self._plan.by_id[ref.node].type.category
        if limit is None or category != "ai" or self._state.usage["cost_usd"] < limit:
            return None
        return NodeError(ErrorKind.BUDGET, "run.budget_spent", limit=limit)

    def _request(self, ref: StepRef) -> StepRequest:
        return request_for(self._plan, self._state, ref, self._acts_as, self._performer.now())

    def _record(self, event: Event) -> None:
        """Apply now, store with the next save. What no longer matters is not recorded."""
        told = self._feed.take(event)
        self._untold += told
        self._unsaved_bytes += sum(each.get("data", {}).get("output_size", 0) for each in told)
        changes = self._feed.changes
        if changes is None:
            return
        if changes.over:
            event = cast(Event, {**event, "over": [each._asdict() for each in changes.over]})
        self._unsaved.append(event)
        # Whoever ends a wait has to find it, whatever else is under way.
        self._begins_to_wait = self._begins_to_wait or event["type"] == "step.waiting"

    async def _save(self) -> None:
        if self._unsaved:
            events, self._unsaved = self._unsaved, []
            self._unsaved_bytes, self._begins_to_wait = 0, False
            await self._journal.append(self._run_id, self._seq, events)
            self._seq += len(events)

    async def _tell(self) -> None:
        if self._untold:
            events: Sequence[LiveEvent] = self._untold
            self._untold = []
            await self._sink.publish(self._run_id, events)

    async def _wait(self) -> None:
        """Until a step finishes, somebody calls, or the time is over."""
        awaited = [*self._running.values(), *self._bells.awaited()]
        left = [self._left_s()]
        if self._plan.timed:
            now = self._performer.now()
            left += [max(_left_s(opened, now), 0.0) for opened in self._state.opened.values()]
        timeout_s = min((each for each in left if each is not None), default=None)
        timeout_s = None if timeout_s is None or timeout_s == inf else timeout_s
        await asyncio.wait(awaited, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)

    async def _stop_running(self) -> None:
        tasks, self._running = [*self._running.values(), *self._given_up], {}
        self._given_up = []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _left_s(self) -> float | None:
        if self._timeout_s is None:
            return None
        began = datetime.fromisoformat(self._began)
        return max(self._timeout_s - (self._performer.now() - began).total_seconds(), 0.0)

    def _now(self) -> str:
        return self._performer.now().isoformat()

    def _result(self) -> DriveResult:
        state = self._state
        end = state.end
        status: Any = "waiting" if end is None else end["type"].removeprefix("run.")
        output, error = (None, None) if end is None else (end["output"], end["error"])
        return DriveResult(status, output, error, state.usage, state.messages)


def _left_s(opened: Opened, now: datetime) -> float:
    """How much time a container has; without end where it has no limit."""
    return inf if opened.due_at is None else (datetime.fromisoformat(opened.due_at) - now).total_seconds()


def _unknown() -> NodeError:
    return NodeError(ErrorKind.UPSTREAM, "step.outcome_unknown")


def _acts(node: PlannedNode) -> bool:
    return node.node.enabled and node.policy.mock is None


def _inline(node: PlannedNode) -> bool:
    """Whether the step needs no append of its own: without effects, and nothing to wait for between attempts."""
    alone = node.effects == "none" or node.type.transactional
    return not _acts(node) or (alone and not node.policy.retry.max)
