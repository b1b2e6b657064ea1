"""Open pages of one flow see each other: who is there, and where they point. The database knows nothing of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from app.core.clock import new_id
from app.core.principal import Principal
from app.core.redis import client
from app.realtime import people
from app.state import watching
from tests.integration.runs.conftest import until

PAGES = ("page a", "page b")


class Page:
    """What a page was told, gathered."""

    def __init__(self, watcher: watching.Watcher) -> None:
        self.watcher, self.items = watcher, list[Any]()
        self.task = asyncio.create_task(self._gather())

    async def _gather(self) -> None:
        while (items := await self.watcher.take()) is not None:
            self.items += items

    def names(self) -> list[str]:
        told = [item for item in self.items if item["kind"] == "people"]
        return [person["name"] for person in told[-1]["people"]] if told else ["?"]

    def cursors(self) -> list[Any]:
        return [item["cursor"] for item in self.items if item["kind"] == "presence"]


@pytest.fixture
async def two(principal: Principal, redis_url: str) -> AsyncIterator[tuple[Page, Page]]:
    flow_id = new_id()
    pages = []
    for name, person in zip(PAGES, ("Ann", "Bob"), strict=True):
        page = Page(watching.begin(name, replace(principal, name=person), flow_id))
        await asyncio.sleep(0.3)  # it listens by now
        await page.watcher.appear()
        pages.append(page)
    yield pages[0], pages[1]
    for name, page in zip(PAGES, pages, strict=True):
        page.task.cancel()
        watching.end(name)
    await asyncio.sleep(0.1)


async def test_pages_learn_who_comes_and_who_goes(two: tuple[Page, Page]) -> None:
    ann, bob = two
    await until(lambda: ann.names() == ["Bob"] and bob.names() == ["Ann"])
    bob.watcher.say({"gone": True})
    await until(lambda: ann.names() == [])
    bob.watcher.touch()  # the page came back
    await until(lambda: ann.names() == ["Bob"])
    watching.end("page b")
    await until(lambda: ann.names() == [])


async def test_a_page_that_died_silently_is_gone_when_its_sign_expires(
    two: tuple[Page, Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = two
    await until(lambda: ann.names() == ["Bob"])
    key = people._key(ann.watcher.flow_id)
    assert 0 < await client().ttl(key) <= people.KEEP_S
    member = people._member(bob.watcher._presence.person)  # type: ignore[union-attr]
    await client().zadd(key, {member: 1})  # its time is over
    ann.watcher.touch()
    await until(lambda: ann.names() == [])


async def test_pointing_reaches_the_others_alone_and_at_most_ten_times_a_second(
    two: tuple[Page, Page],
) -> None:
    ann, bob = two
    await until(lambda: ann.names() == ["Bob"])
    statements: list[str] = []
    event.listen(Engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    for x in range(100):
        bob.watcher.say({"cursor": {"x": x, "y": 0.4}, "selected": ["answer"]})
        await asyncio.sleep(0.01)
    await until(lambda: ann.cursors()[-1:] == [{"x": 99, "y": 0}])
    assert len(ann.cursors()) <= 16
    assert bob.cursors() == []
    assert statements == []


@pytest.mark.parametrize(
    "seen",
    [
        None,
        "x",
        {},
        {"cursor": None, "selected": "answer"},
        {"cursor": {"x": float("nan"), "y": 0}, "selected": []},
        {"cursor": {"x": "1", "y": 0}, "selected": []},
        {"cursor": {"x": True}, "selected": []},
        {"cursor": None, "selected": ["x" * 81]},
        {"cursor": None, "selected": ["x"] * 101},
    ],
)
async def test_nonsense_is_said_to_nobody(two: tuple[Page, Page], seen: Any) -> None:
    ann, bob = two
    await until(lambda: ann.names() == ["Bob"])
    bob.watcher.say(seen)
    await asyncio.sleep(0.3)
    assert ann.cursors() == []
    bob.watcher.say({"cursor": {"x": 1, "y": 2}, "selected": []})
    await until(lambda: ann.cursors() == [{"x": 1, "y": 2}])
