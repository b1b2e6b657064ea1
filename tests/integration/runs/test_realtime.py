"""Live events on a real Valkey: no gap, nothing twice, whatever Redis loses."""

import asyncio
from typing import Any

from app.core.redis import client
from app.realtime import follow as reading
from app.realtime.publish import RedisSink, publish_flow, run_channel
from tests.integration.runs.conftest import until


class Journal:
    """What the journal would tell: the first `stored` of nine events, the ninth being the end."""

    def __init__(self) -> None:
        self.stored = 0
        self.asked = 0

    async def rebuild(self) -> list[Any]:
        self.asked += 1
        return [event(number) for number in range(1, self.stored + 1)]


def event(number: int) -> Any:
    return {"seq": number, "type": "run.succeeded" if number == 9 else "step.succeeded"}


async def read(journal: Journal, after: int, found: list[Any]) -> None:
    async for each in reading.follow("r", after, journal.rebuild):
        found.append(each["seq"] or each["data"]["text"])


async def test_a_reader_gets_each_event_once_and_text_in_its_place(environment: dict[str, str]) -> None:
    journal, sink, early, late = Journal(), RedisSink(), [], []
    first = asyncio.create_task(read(journal, 0, early))
    await asyncio.sleep(0.1)
    await sink.publish("r", [event(1), event(2)])
    sink.delta("r", "ask", "", "Hel")
    sink.delta("r", "ask", "", "lo")
    await sink.flush()
    second = asyncio.create_task(read(journal, 2, late))
    await asyncio.sleep(0.1)
    await sink.publish("r", [event(number) for number in range(3, 10)])
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert early == [1, 2, "Hello", 3, 4, 5, 6, 7, 8, 9]
    assert late == [3, 4, 5, 6, 7, 8, 9]


async def test_what_redis_lost_comes_from_the_journal(environment: dict[str, str]) -> None:
    journal, sink, found = Journal(), RedisSink(), []
    reader = asyncio.create_task(read(journal, 0, found))
    await asyncio.sleep(0.1)
    await sink.publish("r", [event(1)])
    await sink.flush()
    await client().delete(run_channel("r"))
    journal.stored = 4
    await asyncio.sleep(0.05)
    await sink.publish("r", [event(5)])
    await until(lambda: found == [1, 2, 3, 4, 5], 2)
    journal.stored = 9
    await asyncio.wait_for(reader, 10)
    assert found == list(range(1, 10))


async def test_a_run_that_ended_long_ago_is_told_from_the_journal(environment: dict[str, str]) -> None:
    journal, found = Journal(), []
    journal.stored = 9
    await asyncio.wait_for(read(journal, 6, found), 5)
    assert found == [7, 8, 9]


async def test_a_connection_that_breaks_is_made_again(environment: dict[str, str]) -> None:
    journal, sink, found = Journal(), RedisSink(), []
    reader = asyncio.create_task(read(journal, 0, found))
    await asyncio.sleep(0.1)
    await client().client_kill_filter(_type="pubsub")
    journal.stored = 2
    await asyncio.sleep(1)
    await sink.publish("r", [event(number) for number in range(3, 10)])
    await asyncio.wait_for(reader, 10)
    assert found == list(range(1, 10))


async def test_open_editors_hear_of_a_flow(environment: dict[str, str]) -> None:
    news = reading.watch_flow("f")
    assert await asyncio.wait_for(anext(news), 5) == {"kind": "listening"}
    first = asyncio.ensure_future(anext(news))
    await publish_flow("another", {"kind": "run", "run_id": "x"})
    await publish_flow("f", {"kind": "run", "run_id": "1"})
    assert await asyncio.wait_for(first, 5) == {"kind": "run", "run_id": "1"}
    await news.aclose()
