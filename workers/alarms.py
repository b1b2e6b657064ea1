"""Ends waits and bursts when their time has come, and rings for their runs. Any process may; no wait ends twice."""

import asyncio
from typing import Final

from app.core.db import unit_of_work
from app.repositories import leases, waits
from app.services import schedules
from workers.run_flow import ring

_AT_ONCE: Final = 500
_LONGEST_PAUSE_S: Final = 1.0
_SHORTEST_PAUSE_S: Final = 0.05


async def watch() -> None:
    """For ever. A wait ends within about a second of its moment."""
    while True:
        pause_s = await once()
        await asyncio.sleep(pause_s)


async def once() -> float:
    """Ring for what is due. Returns how long there is nothing to do, in seconds."""
    async with unit_of_work() as session:
        runs = await waits.due(session, _AT_ONCE)
        next_wait_s = await waits.next_due_s(session)
        held, next_hold_s = await leases.held_back(session)
    for run_id in [*runs, *held]:
        await ring(run_id)
    left = [each for each in (next_wait_s, next_hold_s) if each is not None]
    return min(max([min(left, default=_LONGEST_PAUSE_S), _SHORTEST_PAUSE_S]), _LONGEST_PAUSE_S)


async def tick() -> None:
    """For ever: start what starts by the clock. A schedule another process looks at is passed over."""
    while True:
        async with unit_of_work() as session:
            fired = await schedules.fire(session)
        await asyncio.sleep(0 if fired else _LONGEST_PAUSE_S)
