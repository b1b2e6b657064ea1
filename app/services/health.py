"""Whether this instance can do its work: PostgreSQL, its tables, Redis and a worker that gives signs of life."""

import asyncio
from collections.abc import Awaitable
from functools import cache
from pathlib import Path
from typing import Final

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.core import redis
from app.core.db import unit_of_work
from app.embedded.migrations import heads
from app.repositories import migrations

_ALIVE: Final = f"{redis.PREFIX}worker:alive"
_VERSIONS: Final = Path(__file__).parents[2] / "alembic" / "versions"
_PATIENCE_S: Final = 3
_log = structlog.get_logger()


async def readiness() -> dict[str, str]:
    """Each part's state: `ok`, or in one word what is wrong with it."""
    database, queue = await asyncio.gather(_guard(_database()), _guard(_redis()))
    return {
        "postgresql": "ok" if database in ("ok", "outdated") else database,
        "migrations": database if database in ("ok", "outdated") else "unknown",
        "redis": "ok" if queue in ("ok", "none") else queue,
        "worker": {"ok": "ok", "none": "none"}.get(queue, "unknown"),
    }


async def _database() -> str:
    async with unit_of_work() as session:
        return "ok" if await migrations.applied(session) == _newest() else "outdated"


async def _redis() -> str:
    return "ok" if await redis.client().exists(_ALIVE) else "none"


async def _guard(check: Awaitable[str]) -> str:
    try:
        return await asyncio.wait_for(check, _PATIENCE_S)
    except (SQLAlchemyError, RedisError, OSError) as error:
        _log.warning("health.unreachable", error=type(error).__name__)
        return "unreachable"


@cache
def _newest() -> frozenset[str]:
    return frozenset(heads(_VERSIONS))
