"""What stands before each model call: is there money for it, in the run, in those that called it, in the workspace?"""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from app.capabilities import Completion
from app.core.db import unit_of_work
from app.flows.bill import Bill
from app.flows.document import Node
from app.flows.node_type import ErrorKind, NodeError
from app.flows.ports import StepRequest
from app.repositories import spending
from app.repositories.leases import Claimed
from app.repositories.spending import MONTH, Amount, Known, Spent
from app.services.snapshots import Snapshot
from workers.late import LateCalls, Tabs
from workers.purse import Empty, Purse

BUDGETS: Final = "budgets"
# Only flows with such nodes have runs that share their budget.
_CALLERS: Final = frozenset({"logic.subflow", "human.task"})
_FRESH_S: Final = 1.0
_MOST: Final = 2_000
_FREE: Final = "demo/"
_WORKSPACE: Final = {
    "usd": "workspace.budget_spent",
    "calls": "workspace.calls_spent",
    "tokens": "workspace.tokens_spent",
}
_log = structlog.get_logger()
Event = Mapping[str, Any]


def _shares(node: Node) -> bool:
    return node.type in _CALLERS or node.params.get("spread") is True


class Tolls:
    """The purses of one process. What is stored is looked at once a second at most."""

    def __init__(self) -> None:
        self.dearest: dict[str, Amount] = {}
        self._purses: OrderedDict[tuple[UUID, str], Purse] = OrderedDict()
        self._known: OrderedDict[tuple[UUID, tuple[str, ...]], tuple[float, Known]] = OrderedDict()

    async def known(self, workspace_id: UUID, scopes: tuple[str, ...]) -> Known:
        """What is stored, a second old at most; older where the database does not answer."""
        key = workspace_id, scopes
        until, known = self._known.get(key, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        try:
            async with unit_of_work() as session:
                known = await spending.look(session, workspace_id, scopes)
        except (OperationalError, InterfaceError) as error:
            _log.warning("budget.not_read", error=type(error).__name__)
            known = known or Known((None, None, None), "", {})
        self._known[key] = time.monotonic() + _FRESH_S, known
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        self._learn(workspace_id, known)
        return known

    def purse(self, workspace_id: UUID, scope: str) -> Purse:
        key = workspace_id, scope
        found = self._purses.get(key)
        if found is None:
            found = self._purses[key] = Purse()
            while len(self._purses) > _MOST:
                self._purses.popitem(last=False)
        return found

    def counts_everything(self, workspace_id: UUID) -> bool:
        """Whether free calls count too: the workspace limits calls or tokens."""
        _, known = self._known.get((workspace_id, ()), (0.0, None))
        return known is not None and any(known.limits[1:])

    def learn_price(self, model: str, cost: Amount) -> None:
        before = self.dearest.get(model, cost)
        self.dearest[model] = before.at_least(cost)

    def _learn(self, workspace_id: UUID, known: Known) -> None:
        for scope in known.spent.keys() | {known.month}:
            purse = self.purse(workspace_id, scope)
            limits = known.limits if scope == known.month else purse.limits
            purse.learn(limits, known.spent.get(scope, Amount()))


class RunToll:
    """The toll of one run under one lease."""

    def __init__(self, tolls: Tolls, late: LateCalls, run: Claimed, snapshot: Snapshot) -> None:
        self._tolls, self._late, self._run, self._tabs = tolls, late, run, Tabs()
        self._late_usd = float((run.usage or {}).get("cost_usd") or 0)
        limit = snapshot.flow.settings.budget_usd
        self._own = Purse(float(limit)) if limit is not None else None
        inherited = [(each["run"], float(each["limit"])) for each in run.options.get(BUDGETS) or ()]
        shares = limit is not None and any(_shares(each) for each in snapshot.flow.nodes)
        self.budgets = [*inherited, *([(str(run.id), float(limit or 0))] if shares else [])]
        self._scopes = tuple(f"run:{run_id}" for run_id, _ in self.budgets)

    async def call(
        self, request: StepRequest, model: str, ask: Callable[[], Awaitable[Completion]]
    ) -> Completion:
        """One model call. Raises a `NodeError` of kind `budget`. It goes on when its caller is cancelled: it is billed
        in any case, so that what it cost is counted when its answer comes.
        """
        hold = _Hold()
        try:
            async for purse, refusal in self._purses(request):
                try:
                    amount = await purse.reserve(lambda: self._tolls.dearest.get(model))
                except Empty as empty:
                    raise refusal(empty) from None
                hold.parts.append((purse, amount))
            paid = self._paid(request.bill, model, ask, hold)
            return await self._tabs.call((request.node.id, request.path), request.bill, paid)
        finally:
            hold.release()

    async def _paid(
        self,
        bill: Bill,
        model: str,
        ask: Callable[[], Awaitable[Completion]],
        hold: "_Hold",
    ) -> Completion:
        cost = Amount()
        try:
            done = await ask()
            cost = Amount(done.cost_usd or 0.0, 1, done.prompt_tokens + done.completion_tokens)
            self._tolls.learn_price(model, cost)
            bill.add(done.model, done.prompt_tokens, done.completion_tokens, done.cost_usd)
            return done
        finally:
            hold.settle(cost)

    def recorded(self, events: Sequence[Event]) -> None:
        """These events are stored."""
        self._tabs.recorded(events)

    def close(self) -> None:
        """This process drives the run no further: what is not in its journal is counted when it is known."""
        tabs = self._tabs.close()
        free = all(tab.bill.model.startswith(_FREE) for tab in tabs)
        free = free and not self._tolls.counts_everything(self._run.workspace_id)
        self._late.settle(self._run.workspace_id, self._run.id, (MONTH, *self._scopes), tabs, free=free)

    async def _purses(
        self, request: StepRequest
    ) -> AsyncIterator[tuple[Purse, Callable[[Empty], NodeError]]]:
        if self._own is not None:
            self._own.at_least(Amount(request.spent_usd + self._late_usd))
            yield self._own, _run_refusal
        workspace_id = self._run.workspace_id
        if self._scopes:
            await self._tolls.known(workspace_id, self._scopes)
            for scope, (run_id, limit) in zip(self._scopes, self.budgets, strict=True):
                purse = self._tolls.purse(workspace_id, scope)
                purse.limits = (limit, None, None)
                yield purse, _run_refusal if run_id == str(self._run.id) else _caller_refusal
        known = await self._tolls.known(workspace_id, ())
        if any(limit is not None for limit in known.limits):
            yield self._tolls.purse(workspace_id, known.month), _workspace_refusal

    def spent(self, events: Sequence[Event], elsewhere: Sequence[tuple[str, str]]) -> list[Spent]:
        """What these events say was spent by this very run; steps `elsewhere` tell what runs they called spent."""
        total = Amount()
        for event in events:
            usage = event.get("usage")
            if (
                not usage
                or not event["type"].startswith("step.")
                or (event["node"], event["path"]) in elsewhere
            ):
                continue
            free = str(usage.get("model", "")).startswith(_FREE)
            if free and not self._tolls.counts_everything(self._run.workspace_id):
                continue
            tokens = int(usage.get("prompt_tokens") or 0) + int(usage.get("completion_tokens") or 0)
            calls = int(usage.get("calls", 1 if tokens else 0))
            total = total.plus(Amount(float(usage.get("cost_usd") or 0), calls, tokens))
        if not any(total):
            return []
        return [Spent(self._run.workspace_id, scope, total) for scope in (MONTH, *self._scopes)]


@dataclass(slots=True)
class _Hold:
    """What is held for one call. It is released when nobody waits for the call any more, so that no other call waits
    for one that may hang; what the call cost in the end is added all the same.
    """

    parts: list[tuple[Purse, Amount]] = field(default_factory=list)
    over: bool = False

    def release(self) -> None:
        if not self.over:
            self.settle(Amount())

    def settle(self, cost: Amount) -> None:
        for purse, amount in self.parts:
            if self.over:
                purse.add(cost)
            else:
                purse.settle(amount, cost)
        self.over = True


def _run_refusal(empty: Empty) -> NodeError:
    return NodeError(ErrorKind.BUDGET, "run.budget_spent", limit=empty.limit)


def _caller_refusal(empty: Empty) -> NodeError:
    return NodeError(ErrorKind.BUDGET, "run.callers_budget_spent", limit=empty.limit)


def _workspace_refusal(empty: Empty) -> NodeError:
    return NodeError(ErrorKind.BUDGET, _WORKSPACE[empty.unit], limit=empty.limit)
