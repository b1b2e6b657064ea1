"""What comes by itself: ends waits and bursts when their time has come, rings for their runs, starts what starts by
the clock. Any process may; nothing happens twice.
"""

import asyncio
from typing import Final

from app.core.db import unit_of_work
from app.repositories import alarms, leases, waits
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
    """Do what is due. Returns how long there is nothing to do, in seconds.

    Most of the time there is nothing, so this looks before it opens a transaction.
    """
    coming = await alarms.coming()
    if _due(coming.wait_s) or _due(coming.hold_s):
        await _end_waits()
    if _due(coming.schedule_s):
        async with unit_of_work() as session:
            await schedules.fire(session)
    left = min((each for each in coming if each is not None), default=_LONGEST_PAUSE_S)
    return min(max(left, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S)


def _due(seconds: float | None) -> bool:
    return seconds is not None and seconds <= 0


async def _end_waits() -> None:
    async with unit_of_work() as session:
        runs = await waits.due(session, _AT_ONCE)
        held = await leases.held_back(session)
    await asyncio.gather(*(ring(run_id) for run_id in (*runs, *held)))
