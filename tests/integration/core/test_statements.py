"""Single statements beside the sessions: their rows, their errors, and connections that die."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from app.core import db
from app.core.statements import at_once

_STORE = text("INSERT INTO workspace (id, created_at, name) VALUES (:id, now(), :name) RETURNING name")
_COUNT = text("SELECT count(*) AS count FROM workspace WHERE name = :name")


@pytest.fixture(autouse=True)
async def product(product_environment: None) -> AsyncIterator[None]:
    yield
    await db.dispose()


async def test_what_a_statement_stored_is_there_for_everybody() -> None:
    assert [row.name for row in await at_once(_STORE, {"id": uuid4(), "name": "100 % kept"})] == [
        "100 % kept"
    ]
    async with db.unit_of_work() as session:
        assert await session.scalar(_COUNT, {"name": "100 % kept"}) == 1


async def test_values_come_as_python_has_them() -> None:
    ids = [uuid4(), uuid4()]
    query = text(
        "SELECT CAST(:ids AS uuid[]) AS ids, CAST(:made AS json) AS made, CAST('{}' AS text[]) AS none"
    )
    (row,) = await at_once(query, {"ids": ids, "made": '{"a": [1, null]}'})
    assert (row.ids, row.made, row.none) == (ids, {"a": [1, None]}, [])


async def test_its_faults_are_those_of_sqlalchemy() -> None:
    same = {"id": uuid4(), "name": "twice"}
    await at_once(_STORE, same)
    with pytest.raises(IntegrityError):
        await at_once(_STORE, same)
    with pytest.raises(DataError):
        await at_once(text("SELECT CAST(:number AS int) AS number"), {"number": "none"})
    assert (await at_once(_COUNT, {"name": "twice"}))[0].count == 1


async def test_a_connection_that_died_while_it_rested_is_replaced() -> None:
    await at_once(_COUNT, {"name": "-"})
    others = text("""
        SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """)
    async with db.unit_of_work() as session:
        assert (await session.scalar(others) or 0) >= 1
    await asyncio.sleep(1.1)
    assert (await at_once(_COUNT, {"name": "-"}))[0].count == 0


async def test_a_connection_that_dies_in_use_is_an_operational_error_and_then_replaced() -> None:
    with pytest.raises(OperationalError):
        await at_once(text("SELECT pg_terminate_backend(pg_backend_pid()) AS ended"), {})
    assert (await at_once(_COUNT, {"name": "-"}))[0].count == 0


async def test_more_callers_than_connections_wait_for_their_turn() -> None:
    slow = text("SELECT pg_sleep(0.02) AS slept")
    assert len(await asyncio.gather(*(at_once(slow, {}) for _ in range(40)))) == 40
