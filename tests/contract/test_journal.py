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


LARGE = [{"n": number, "text": "ё" * 20} for number in range(5_000)]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 100_000,
        LARGE,
        {"kept": LARGE, "again": {"deep": LARGE}, "text": "y" * 70_000, "n": 1},
        {"blobs": [[["output"], "0" * 64, 1]], "$blob": "0" * 64, "more": LARGE},
    ],
    ids=["text", "list", "nested", "looks-like-a-reference"],
)
async def test_large_values_come_back_whole(journal: Journal, value: Any) -> None:
    first: Any = started(given={"payload": value})
    waiting: Any = {
        "type": "step.waiting",
        "node": "b",
        "path": "",
        "wait": {"kind": "subflow", "round": 1, "input": value, "data": {"shown": value}},
        "at": "2026-11-20T12:00:00+00:00",
    }
    events = [first, done("a", output=value, state={"kept": value}), waiting]
    await journal.append("run", 0, events)
    assert await journal.load("run") == events


async def test_a_small_value_that_looks_like_a_reference_stays_what_it_is(journal: Journal) -> None:
    event: Any = done("start", output={"blobs": [[["output"], "0" * 64, 9]], "$blob": "0" * 64})
    await journal.append("run", 0, [FIRST, event])
    assert await journal.load("run") == [FIRST, event]
