"""One budget inside of a process: what is spent of it, and what calls under way may cost. No clock, no I/O."""

import asyncio
from collections.abc import Callable
from typing import Final

from app.repositories.spending import Amount

UNITS: Final = Amount._fields


class Empty(Exception):
    """Nothing is left. `unit` is `usd`, `calls` or `tokens`."""

    def __init__(self, unit: str, limit: float) -> None:
        self.unit, self.limit = unit, limit
        super().__init__(f"{limit} {unit}")


class Purse:
    """`limits` are in the order of `Amount`; None is no limit.

    A call that begins is reckoned at what the dearest call of its model cost before. As long as no price is known one
    call goes first and the others wait for it. So calls at once overshoot by one call, not by as many as there are.
    """

    def __init__(self, usd: float | None = None) -> None:
        self.limits: tuple[float | None, ...] = (usd, None, None)
        self.spent = self._held = Amount()
        self._under_way = 0
        self._changed = asyncio.Event()

    def learn(self, limits: tuple[float | None, ...], spent: Amount) -> None:
        """What is stored. It only grows, so what this process knows better stays."""
        self.limits = limits
        self.at_least(spent)

    def at_least(self, spent: Amount) -> None:
        self.spent = self.spent.at_least(spent)

    async def reserve(self, price: Callable[[], Amount | None]) -> Amount:
        """Wait for room. Returns what is held for the call, to be given to `settle`; `price` is asked anew after each
        wait, since others may have learnt it meanwhile. Raises `Empty` when there will be no room.
        """
        while (short := self._short(self._held)) or (price() is None and any(self.limits)):
            if short and (not self._under_way or self._short(Amount())):
                raise Empty(*short)
            if not self._under_way:
                break
            self._changed.clear()
            await self._changed.wait()
        held = price() or Amount()
        self._under_way += 1
        self._held = self._held.plus(held)
        return held

    def settle(self, held: Amount, cost: Amount) -> None:
        """A call is over; it cost nothing where it failed before anything was answered."""
        self._under_way -= 1
        self._held = self._held.minus(held)
        self.spent = self.spent.plus(cost)
        self._changed.set()

    def add(self, cost: Amount) -> None:
        """What a call cost of which nothing is held any more."""
        self.spent = self.spent.plus(cost)
        self._changed.set()

    def _short(self, also: Amount) -> tuple[str, float] | None:
        for unit, limit, spent, held in zip(UNITS, self.limits, self.spent, also, strict=True):
            if limit is not None and spent + held >= limit:
                return unit, limit
        return None
