"""What every journal keeps to."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core import db
from app.flows.drive import Fenced, Journal
from app.flows.memory import MemoryJournal
from tests.contract.postgres_journal import PostgresJournal
from tests.unit.interpreter.world import done, started


@pytest.fixture(params=["memory", "postgresql"])
async def journal(request: pytest.FixtureRequest) -> AsyncIterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    request.getfixturevalue("product_environment")
    yield PostgresJournal()
    await db.dispose()


FIRST: Any = started()
SECOND: Any = done("start", output={"text": "ё 🙂", "n": 1, "nothing": None})


async def test_what_is_appended_is_loaded_in_order(journal: Journal) -> None:
    await journal.append("run", 0, [FIRST])
    await journal.append("run", 1, [SECOND, done("a")])
    assert await journal.load("run") == [FIRST, SECOND, done("a")]


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_writer_that_expects_another_length_writes_nothing(journal: Journal, expected: int) -> None:
    await journal.append("run", 0, [FIRST])
    with pytest.raises(Fenced):
        await journal.append("run", expected, [SECOND])
    assert await journal.load("run") == [FIRST]


async def test_runs_do_not_see_each_other(journal: Journal) -> None:
    await journal.append("one", 0, [FIRST])
    await journal.append("two", 0, [FIRST, SECOND])
    assert len(await journal.load("one")) == 1


async def test_what_was_loaded_is_the_readers_own(journal: Journal) -> None:
    await journal.append("run", 0, [FIRST])
    (await journal.load("run")).clear()
    assert await journal.load("run") == [FIRST]
