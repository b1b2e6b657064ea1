"""The database engine and the unit of work: the only commit of the product.

Services take a session and never commit. What must happen once the rows are really there (ringing a bell, telling
other editors) is given to `after_commit`; it runs outside the transaction, so no network call ever holds one open.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from time import monotonic
from typing import Any, Final

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import SQLModel

from app.core import statements
from app.core.settings import get_settings

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

Hook = Callable[[], Awaitable[None]]
_HOOKS = "after_commit"
_RESTED_S: Final = 1.0
_log = structlog.get_logger()


@lru_cache(maxsize=1)
def engine() -> AsyncEngine:
    """The process's pool. It belongs to the event loop that first uses it."""
    settings = get_settings()
    settings.require("database_url")
    made = create_async_engine(
        settings.database_url,
        pool_size=settings.database_pool,
        pool_use_lifo=True,  # the connection used last is the one whose server process is warm
        max_overflow=0,  # a connection above the pool would be opened and closed for each use
        pool_recycle=1800,
        connect_args={"connect_timeout": 5, "application_name": "prometey"},
    )
    event.listen(made.sync_engine, "checkin", _note_use)
    event.listen(made.sync_engine, "checkout", partial(_look, made.sync_engine))
    return made


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = monotonic()


def _look(made: Engine, connection: Any, record: ConnectionPoolEntry, _fairy: Any) -> None:
    """Ask a connection that rested whether it lives. SQLAlchemy's own `pool_pre_ping` asks at each use, which costs
    a busy process a round trip for every transaction.
    """
    if monotonic() - record.info.get("used_at", monotonic()) < _RESTED_S:
        return
    try:
        made.dialect.do_ping(connection)
    except made.dialect.loaded_dbapi.Error as error:
        raise InvalidatePoolError from error


@lru_cache(maxsize=1)
def _sessions() -> async_sessionmaker[AsyncSession]:
    return async_sessionmaker(engine(), expire_on_commit=False)


async def dispose() -> None:
    """Close the pools and forget them, so that the next use reads the settings anew."""
    await statements.close()
    if engine.cache_info().currsize:
        await engine().dispose()
    engine.cache_clear()
    _sessions.cache_clear()


@asynccontextmanager
async def unit_of_work() -> AsyncIterator[AsyncSession]:
    """One transaction: committed when the block ends, rolled back when it raises. Hooks run after the commit."""
    async with _sessions()() as session:
        async with session.begin():
            yield session
        hooks: list[Hook] = session.info.pop(_HOOKS, [])
    for hook in hooks:
        await _run(hook)


def after_commit(session: AsyncSession, hook: Hook) -> None:
    """Run `hook` once the session's transaction is committed; never when it is rolled back.

    A hook that fails is logged: the rows are there, so the caller's work is done.
    """
    session.info.setdefault(_HOOKS, []).append(hook)


async def _run(hook: Hook) -> None:
    try:
        await hook()
    except Exception:
        _log.exception("after_commit.failed")
