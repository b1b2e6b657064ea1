"""Model calls that nobody waits for any more: their step was given up, ran out of time, or its run has ended.

A provider bills a call whose caller has gone. So the answer is awaited for a while, and what it cost is added to what the
run used and the workspace spent; no run waits for that.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from app.capabilities import Completion
from app.core.db import unit_of_work
from app.flows.bill import Bill
from app.repositories import spending
from app.repositories.spending import Amount, Late, Spent

PATIENCE_S: Final = 120.0
_LAST_MOMENT_S: Final = 2.0
_log = structlog.get_logger()
Event = Mapping[str, Any]
Step = tuple[str, str]


@dataclass(slots=True)
class Tab:
    """The model calls of one step: what they cost, which are under way, and what of it the journal has."""

    bill: Bill
    calls: set[asyncio.Task[Completion]] = field(default_factory=set)
    told: Late = field(default_factory=Late)

    def untold(self) -> Late:
        bill = self.bill
        return Late(bill.prompt_tokens, bill.completion_tokens, bill.cost_usd or 0.0, bill.calls).minus(
            self.told
        )


class Tabs:
    """Those of one run under one lease, as long as something of them is under way or not in the journal."""

    def __init__(self) -> None:
        self._open: dict[Step, list[Tab]] = {}

    async def call(self, step: Step, bill: Bill, paid: Coroutine[Any, Any, Completion]) -> Completion:
        """One call, which goes on when its caller is cancelled. `paid` writes on the bill what it cost."""
        tabs = self._open.setdefault(step, [])
        if not tabs or tabs[-1].bill is not bill:
            tabs.append(Tab(bill))
        task = asyncio.create_task(paid)
        tab = tabs[-1]
        tab.calls.add(task)
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():
                tab.calls.discard(task)
            else:
                task.add_done_callback(_overlooked)

    def recorded(self, events: Sequence[Event]) -> None:
        """These events are stored: what they say was used is known."""
        for event in events:
            step = event.get("node") or "", event.get("path") or ""
            tabs = self._open.get(step)
            if not tabs or event["type"] not in ("step.succeeded", "step.failed"):
                continue
            tabs[-1].told = Late.of(event.get("usage") or {})
            if not tabs[-1].calls and not any(tabs[-1].untold()):
                tabs.pop()
            if not tabs:
                del self._open[step]

    def close(self) -> list[Tab]:
        """What is left of them."""
        left = [tab for tabs in self._open.values() for tab in tabs]
        self._open = {}
        return [tab for tab in left if tab.calls or any(tab.untold())]


class LateCalls:
    """Those of one process."""

    def __init__(self) -> None:
        self._settling: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[Completion]] = set()

    def settle(
        self, workspace_id: UUID, run_id: UUID, scopes: Sequence[str], tabs: Sequence[Tab], *, free: bool
    ) -> None:
        """Add what these cost once they are over. `free`: nothing of it counts for the workspace."""
        if tabs:
            task = asyncio.create_task(self._settle(workspace_id, run_id, () if free else scopes, tabs))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def close(self) -> None:
        """The process stops: calls under way are cut off, what is known is written."""
        for call in list(self._under_way):
            call.cancel()
        if self._settling:
            await asyncio.wait(self._settling, timeout=_LAST_MOMENT_S)

    async def _settle(
        self, workspace_id: UUID, run_id: UUID, scopes: Sequence[str], tabs: Sequence[Tab]
    ) -> None:
        calls = {call for tab in tabs for call in tab.calls}
        if calls:
            self._under_way |= calls
            _, hanging = await asyncio.wait(calls, timeout=PATIENCE_S)
            self._under_way -= calls
            for call in hanging:
                call.cancel()
        late = Late()
        for tab in tabs:
            late = late.plus(tab.untold())
        if not any(late):
            return
        amount = Amount(late.cost_usd, late.calls, late.prompt_tokens + late.completion_tokens)
        try:
            async with unit_of_work() as session:
                await spending.add_late(session, run_id, late)
                if scopes:
                    await spending.add(session, [Spent(workspace_id, scope, amount) for scope in scopes])
        except (OperationalError, InterfaceError) as error:
            _log.warning("late_call.not_counted", run_id=str(run_id), error=type(error).__name__)
        else:
            _log.info("late_call.counted", run_id=str(run_id), calls=late.calls)


def _overlooked(task: asyncio.Task[Completion]) -> None:
    """Nobody hears of its failure; asyncio shall not complain of that."""
    if not task.cancelled():
        task.exception()
