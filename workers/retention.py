"""Removes runs that ended long ago, a few at a time, as the settings say. One process at a time does the work."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from app.core import clock
from app.core.db import unit_of_work
from app.core.settings import RetentionSettings, get_settings
from app.repositories import retention

_IDLE_S: Final = 60.0
_BUSY_S: Final = 0.2
_log = structlog.get_logger()


async def watch() -> None:
    """For ever."""
    while True:
        found = await once(get_settings().retention)
        await asyncio.sleep(_BUSY_S if found else _IDLE_S)


async def once(kept: RetentionSettings) -> int:
    """Remove one small batch. Returns how many runs it touched: 0 when there is nothing left to do for now."""
    at, details, summaries = clock.now(), 0, 0
    async with unit_of_work() as session:
        if await retention.alone(session):
            if kept.days:
                details = await retention.remove_details(session, at - timedelta(days=kept.days), at)
            if kept.days and kept.summary_days:
                days = max(kept.days, kept.summary_days)
                summaries = await retention.remove_summaries(session, at - timedelta(days=days))
    if details or summaries:
        _log.info("retention.removed", details=details, runs=summaries)
    return details + summaries
