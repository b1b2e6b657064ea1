"""Drives one run: performs what is ready, records it, tells readers, until the run ends or waits.

Steps of effect class `none` are performed at once, in file order, and ride with the next durable append: a crash
computes them again. Every other step starts only when all before it is stored, and its result is stored before
anything that follows it starts.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, cast

from app.flows.attempts import Performer, error_value
from app.flows.events import ErrorValue, Event, LiveEvent
from app.flows.live import Feed
from app.flows.node_type import ErrorKind, NodeError
from app.flows.plan import Plan, PlannedNode
from app.flows.ports import DriveResult, EventSink, Fenced, Journal, Perform, StepRequest
from app.flows.scheduler import State, input_of, outcome, ready, scope_of

__all__ = ["DriveResult", "EventSink", "Fenced", "Journal", "Perform", "StepRequest", "drive"]

_BREATH: Final = 64


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
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    jitter: Callable[[], float] = random.random,
) -> DriveResult:
    """Take the run as far as it goes. Raises `Fenced` when another driver has it, and what the journal raises.

    `timeout_s` counts from the run's start. Setting `cancel` ends the run as cancelled within a moment. When this
    call itself is cancelled nothing more is recorded, and another driver may go on.
    """
    performer = Performer(perform, clock, sleep, jitter)
    driver = _Driver(
        plan, run_id, journal, sink, performer, max_parallel, timeout_s, cancel or asyncio.Event()
    )
    try:
        return await driver.run()
    finally:
        await driver.close()


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
        cancel: asyncio.Event,
    ) -> None:
        self._plan, self._run_id, self._journal, self._sink = plan, run_id, journal, sink
        self._performer, self._room, self._timeout_s = performer, max(max_parallel, 1), timeout_s
        self._cancel = cancel
        self._feed = Feed(plan)
        self._seq, self._unsaved = 0, cast(list[Event], [])
        self._untold: list[LiveEvent] = []
        self._running: dict[str, asyncio.Task[list[Event]]] = {}
        self._cancelling: asyncio.Task[Any] | None = None

    @property
    def _state(self) -> State:
        return self._feed.state

    async def run(self) -> DriveResult:
        unsent = await self._load()
        while not self._state.ended:
            durable = await self._collect()
            await self._compute()
            self._interrupt()
            end = outcome(self._plan, self._state)
            if end is not None:
                await self._stop_running()
                self._record(cast(Event, {**end, "at": self._now()}))
            starting = [] if end is not None else self._next()
            for node in starting:
                durable = self._announce(node, unsent) or durable
            if durable or end is not None:
                await self._save()
            await self._tell()
            for node in starting:
                self._start(node, node.id in unsent)
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
        if self._cancelling is not None:
            self._cancelling.cancel()

    async def _load(self) -> set[str]:
        """Replay. The answer names steps that acted, or may have, without anybody knowing what came of it."""
        events = await self._journal.load(self._run_id)
        if not events:
            raise LookupError(f"run {self._run_id} has no first event")
        for event in events:
            self._untold += self._feed.take(event)
        self._seq = len(events)
        await self._tell()
        return {node for node in self._state.sent if self._plan.by_id[node].index in self._state.ready}

    async def _collect(self) -> bool:
        """Record the steps that have finished, in file order."""
        done = [name for name, task in self._running.items() if task.done()]
        for name in sorted(done, key=lambda each: self._plan.by_id[each].index):
            for event in self._running.pop(name).result():
                self._record(event)
        return bool(done)

    async def _compute(self) -> None:
        """Perform steps without effects until there are none."""
        count = 0
        while True:
            nodes = [node for node in self._ready() if _inline(node)]
            if not nodes or outcome(self._plan, self._state) is not None:
                return
            for node in nodes:
                for event in await self._performer.events(self._request(node)):
                    self._record(event)
                count += 1
                if count % _BREATH == 0:
                    await asyncio.sleep(0)
                if self._state.stopped or self._cancel.is_set():
                    return

    def _ready(self) -> list[PlannedNode]:
        steps = ready(self._plan, self._state, self._running)
        return [self._plan.by_id[step.node] for step in steps]

    def _interrupt(self) -> None:
        """End the run where somebody asks for it or its time is over."""
        if self._state.stopped or self._state.ended:
            return
        if self._cancel.is_set():
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

    def _next(self) -> list[PlannedNode]:
        free = self._room - len(self._running)
        return [node for node in self._ready() if not _inline(node)][: max(free, 0)]

    def _announce(self, node: PlannedNode, unsent: set[str]) -> bool:
        """Before an unsafe step acts, the journal knows that it will."""
        if node.effects != "unsafe" or not _acts(node) or node.id in unsent:
            return False
        self._record({"type": "step.sent", "node": node.id, "path": "", "at": self._now()})
        return True

    def _start(self, node: PlannedNode, unknown: bool) -> None:
        refused = NodeError(ErrorKind.UPSTREAM, "step.outcome_unknown") if unknown else self._unpaid(node)
        steps = self._performer.events(self._request(node), refused=refused)
        self._running[node.id] = asyncio.create_task(steps)

    def _unpaid(self, node: PlannedNode) -> NodeError | None:
        limit = self._plan.flow.settings.budget_usd
        if limit is None or node.type.category != "ai" or self._state.usage["cost_usd"] < limit:
            return None
        return NodeError(ErrorKind.BUDGET, "run.budget_spent", limit=limit)

    def _request(self, node: PlannedNode) -> StepRequest:
        step_input = input_of(self._plan, self._state, node)
        scope = scope_of(self._state, self._run_id, step_input)
        key = f"{self._run_id}:{node.id}::1"
        return StepRequest(self._run_id, node, "", step_input, scope, 1, key, self._performer.now())

    def _record(self, event: Event) -> None:
        """Apply now, store with the next save. What no longer matters is not recorded."""
        silent = event["type"] in ("step.sent", "run.stopped") and not self._state.stopped
        seen = self._feed.take(event)
        self._untold += seen
        if seen or silent:
            self._unsaved.append(event)

    async def _save(self) -> None:
        if self._unsaved:
            events, self._unsaved = self._unsaved, []
            await self._journal.append(self._run_id, self._seq, events)
            self._seq += len(events)

    async def _tell(self) -> None:
        if self._untold:
            events: Sequence[LiveEvent] = self._untold
            self._untold = []
            await self._sink.publish(self._run_id, events)

    async def _wait(self) -> None:
        """Until a step finishes, somebody cancels, or the time is over."""
        if self._cancelling is None:
            self._cancelling = asyncio.create_task(self._cancel.wait())
        awaited = [*self._running.values(), self._cancelling]
        await asyncio.wait(awaited, timeout=self._left_s(), return_when=asyncio.FIRST_COMPLETED)

    async def _stop_running(self) -> None:
        tasks, self._running = list(self._running.values()), {}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.gather(*tasks, return_exceptions=True)

    def _left_s(self) -> float | None:
        if self._timeout_s is None:
            return None
        began = datetime.fromisoformat(self._state.started_at)
        return max(self._timeout_s - (self._performer.now() - began).total_seconds(), 0.0)

    def _now(self) -> str:
        return self._performer.now().isoformat()

    def _result(self) -> DriveResult:
        state = self._state
        end = state.end
        status: Any = "waiting" if end is None else end["type"].removeprefix("run.")
        output, error = (None, None) if end is None else (end["output"], end["error"])
        return DriveResult(status, output, error, state.usage, state.messages)


def _acts(node: PlannedNode) -> bool:
    return node.node.enabled and node.policy.mock is None


def _inline(node: PlannedNode) -> bool:
    """Whether the step needs no append of its own: without effects, and nothing to wait for between attempts."""
    return not _acts(node) or (node.effects == "none" and not node.policy.retry.max)
