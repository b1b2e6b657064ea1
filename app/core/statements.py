"""Single statements for the hot path, each a transaction of its own: no session, no unit of work, one round trip.

A statement here costs a fifth of what it costs through a session. What needs more than one goes through
`unit_of_work`.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any, Final, cast
from weakref import WeakKeyDictionary

import orjson
import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import TextClause, make_url
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError

from app.core.settings import get_settings

_RESTED_S: Final = 1.0
_PATIENCE_S: Final = 5.0
_CONNECTIONS: Final = 4
_Connection = psycopg.AsyncConnection[Any]
_used_at: WeakKeyDictionary[_Connection, float] = WeakKeyDictionary()


async def at_once(statement: TextClause, values: Mapping[str, Any]) -> Sequence[Any]:
    """The rows of one statement, committed when this returns, with their columns by name: each needs its own.

    Raises what SQLAlchemy raises for the same fault, so that callers need know one kind of error.
    """
    try:
        pool = await _pool()
        async with pool.connection() as connection:
            cursor = await connection.execute(_sql(statement), values)
            return await cursor.fetchall() if cursor.description else ()
    except psycopg.Error as error:
        raise cast(
            DBAPIError, DBAPIError.instance(str(statement), dict(values), error, psycopg.Error)
        ) from error


async def close() -> None:
    """Close the connections and forget them, so that the next use reads the settings anew."""
    if _made.cache_info().currsize:
        await _made().close()
    _made.cache_clear()


@lru_cache(maxsize=128)
def _sql(statement: TextClause) -> bytes:
    return str(statement.compile(dialect=_DIALECT)).encode()


@lru_cache(maxsize=1)
def _made() -> AsyncConnectionPool[_Connection]:
    """It belongs to the event loop that first uses it."""
    settings = get_settings()
    settings.require("database_url")
    return AsyncConnectionPool(
        make_url(settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False),
        min_size=1,
        max_size=_CONNECTIONS,
        timeout=_PATIENCE_S,
        open=False,
        configure=_configure,
        check=_look,
        reset=_note_use,
        kwargs={
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": namedtuple_row,
            "connect_timeout": 5,
            "application_name": "prometey",
            # Every statement here finds its rows by an index. A plan made while a table was empty would read all of it.
            "options": "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off",
        },
    )


async def _pool() -> AsyncConnectionPool[_Connection]:
    pool = _made()
    if pool.closed:
        await pool.open()
    return pool


async def _configure(connection: _Connection) -> None:
    set_json_loads(orjson.loads, connection)


async def _look(connection: _Connection) -> None:
    """Ask a connection that rested whether it lives; one that is in use all the time is not asked."""
    if monotonic() - _used_at.get(connection, 0.0) > _RESTED_S:
        await AsyncConnectionPool.check_connection(connection)


async def _note_use(connection: _Connection) -> None:
    _used_at[connection] = monotonic()


_DIALECT = dialect()  # type: ignore[no-untyped-call]
