"""Rings again for runs nobody drives, settles ends that were not told, sends jobs a crash kept back, forgets what is
over, says it lives.
"""

import asyncio
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.core import jobs
from app.core.db import unit_of_work
from app.core.redis import PREFIX, client
from app.core.settings import WorkerSettings
from app.repositories import kept_results, leases, spending
from app.repositories.sweep import anything
from workers.run_flow import ring, settle

HEARTBEAT: Final = f"{PREFIX}worker:alive"
_ALIVE_S: Final = 15
_PATIENCE_S: Final = 4.0
_PRUNE_S: Final = 60.0
_log = structlog.get_logger()


async def sweep(settings: WorkerSettings) -> None:
    """For ever. One process at a time does the work; the others find the lock taken."""
    while True:
        await once(settings.workspace_runs)
        await asyncio.sleep(settings.sweep_s)


async def once(workspace_runs: int) -> None:
    """Most of the time there is nothing, so this looks before it takes the lock."""
    if not await anything(_PATIENCE_S):
        return
    async with unit_of_work() as session:
        found = await leases.sweep(session, _PATIENCE_S, workspace_runs)
    if found is None:
        return
    overdue, unsettled = found
    if overdue or unsettled:
        _log.info("sweep.found", overdue=len(overdue), unsettled=len(unsettled))
    for run_id in overdue:
        await ring(run_id)
    for run_id in unsettled:
        await settle(run_id)
    await jobs.send_overdue()


async def prune() -> None:
    """For ever: forget what is over."""
    while True:
        await prune_once()
        await asyncio.sleep(_PRUNE_S)


async def prune_once() -> None:
    async with unit_of_work() as session:
        await kept_results.prune(session)
        await spending.prune(session)


async def say_alive() -> None:
    """A key that readiness looks for."""
    while True:
        try:
            await client().set(HEARTBEAT, "1", ex=_ALIVE_S)
        except (RedisError, OSError) as error:
            _log.warning("worker.heartbeat_failed", error=type(error).__name__)
        await asyncio.sleep(_ALIVE_S / 3)
