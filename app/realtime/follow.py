"""Reads what happens: a run's events from any number on, without a gap; a flow's news; the end of runs.

A run's history is first sought in its Redis stream. What is not there is rebuilt from the journal by `rebuild`,
which the caller brings (a service), because this layer knows no tables.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import orjson
from redis.exceptions import RedisError

from app.core.redis import client
from app.flows.events import LiveEvent
from app.realtime.hub import GAP, Listener, hub
from app.realtime.publish import ENDED, flow_channel, run_channel

LAST: Final = frozenset({"run.succeeded", "run.failed", "run.cancelled"})
_SILENCE_S: Final = 3.0
_NO_ENTRY: Final = (0, 0)

Rebuild = Callable[[], Awaitable[list[LiveEvent]]]


class _Reader:
    """Where one reader stands: the last number given out and the last stream entry seen."""

    def __init__(self, after: int, rebuild: Rebuild) -> None:
        self.after, self._rebuild = after, rebuild
        self.entry = _NO_ENTRY
        self.done = False

    def take(self, event: LiveEvent) -> bool:
        """Whether the event is the next one. Text carries no number and always is."""
        if event["seq"] == 0:
            return True
        if event["seq"] != self.after + 1:
            return False
        self.after = event["seq"]
        self.done = event["type"] in LAST
        return True

    async def missed(self) -> list[LiveEvent]:
        """What the journal knows beyond the last number."""
        return [event for event in await self._rebuild() if event["seq"] > self.after and self.take(event)]

    async def sort(self, events: list[LiveEvent]) -> list[LiveEvent]:
        """The events of one entry that are news, with what is missing before them."""
        news: list[LiveEvent] = []
        for event in events:
            if event["seq"] > self.after + 1:
                news += await self.missed()
            if (event["seq"] == 0 or event["seq"] > self.after) and self.take(event):
                news.append(event)
        return news


def _number(entry: bytes) -> tuple[int, int]:
    milliseconds, _, counter = entry.partition(b"-")
    return int(milliseconds), int(counter)


async def _history(channel: str) -> list[tuple[tuple[int, int], list[LiveEvent]]]:
    try:
        entries = await client().xrange(channel)
    except (RedisError, OSError):
        return []
    return [(_number(entry), orjson.loads(fields[b"e"])) for entry, fields in entries]


async def follow(run_id: object, after: int, rebuild: Rebuild) -> AsyncGenerator[LiveEvent, None]:
    """`batches`, event by event."""
    async with aclosing(batches(run_id, after, rebuild)) as found:
        async for batch in found:
            for event in batch:
                yield event


async def batches(
    run_id: object, after: int, rebuild: Rebuild, joined: Listener | None = None
) -> AsyncGenerator[list[LiveEvent], None]:
    """A run's events with numbers above `after`, in order, until it ends, as many at once as there are. Text goes to
    those who join early.

    A reader that resumes (`after` > 0) gets text only as it comes: it may have seen the earlier pieces. One that
    `joined` before the run could begin need not look for what it missed.
    """
    channel, reader = run_channel(str(run_id)), _Reader(after, rebuild)
    if joined is not None:
        async for batch in _heard(joined, reader):
            yield batch
        return
    async with _listening(channel) as listener:
        for entry, events in await _history(channel):
            wanted = events if after == 0 else [event for event in events if event["seq"]]
            yield await reader.sort(wanted)
            reader.entry = entry
        if not reader.done:
            yield await reader.missed()
        async for batch in _heard(listener, reader):
            yield batch


async def _heard(listener: Listener, reader: _Reader) -> AsyncGenerator[list[LiveEvent], None]:
    while not reader.done:
        yield await reader.sort(await _next(listener, reader)) or await _late(reader)


async def _next(listener: Listener, reader: _Reader) -> list[LiveEvent]:
    """The next unseen entry's events; nothing after a lost connection or a long silence."""
    while True:
        try:
            async with asyncio.timeout(_SILENCE_S):
                message = await listener.get()
        except TimeoutError:
            return []
        if message == GAP:
            return []
        entry, _, payload = message.partition(b" ")
        if _number(entry) > reader.entry:
            reader.entry = _number(entry)
            events: list[LiveEvent] = orjson.loads(payload)
            return events


async def _late(reader: _Reader) -> list[LiveEvent]:
    return [] if reader.done else await reader.missed()


@asynccontextmanager
async def _listening(channel: str) -> AsyncIterator[Listener]:
    listener: Listener = asyncio.Queue()
    known = await hub()
    await known.listen(channel, listener)
    try:
        yield listener
    finally:
        await known.forget(channel, listener)


@asynccontextmanager
async def joined(run_id: object) -> AsyncIterator[Listener | None]:
    """Hear a run's events from now on, for `follow`. None while Redis does not confirm it."""
    listener: Listener = asyncio.Queue()
    known, channel = await hub(), run_channel(str(run_id))
    confirmed = await known.listen(channel, listener)
    try:
        yield listener if confirmed else None
    finally:
        await known.forget(channel, listener)


async def watch_flow(flow_id: object) -> AsyncGenerator[dict[str, Any], None]:
    """News of a flow from now on: `{"kind": "listening"}` once nothing escapes any more, then what is published.

    After a lost connection: `{"kind": "gap"}`, so that the reader looks again.
    """
    async with _listening(flow_channel(str(flow_id))) as listener:
        yield {"kind": "listening"}
        while True:
            message = await listener.get()
            yield {"kind": "gap"} if message == GAP else orjson.loads(message)


@dataclass(slots=True)
class Ended:
    """One run's end, awaited. `told` is what the end brought of the run, where it did."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    told: bytes = b""


class Ends:
    """Lets callers wait for the end of runs on one subscription of the process."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[Ended]] = {}
        self._task: asyncio.Task[None] | None = None
        self._listener: Listener = asyncio.Queue()

    async def ready(self) -> None:
        """Listen. Call before `expect`."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hand_out())
            await (await hub()).listen(ENDED, self._listener)

    @contextmanager
    def expect(self, run_id: object) -> Iterator[Ended]:
        """What is set when the run may have ended. Enter before the run's bell is rung."""
        key, ended = str(run_id).encode(), Ended()
        self._waiting.setdefault(key, []).append(ended)
        try:
            yield ended
        finally:
            self._waiting[key] = [each for each in self._waiting[key] if each is not ended]
            if not self._waiting[key]:
                del self._waiting[key]

    async def _hand_out(self) -> None:
        while True:
            message = await self._listener.get()
            # After a gap nobody is told: those who wait ask the database every now and then.
            run_id, _, told = message.partition(b" ")
            for ended in self._waiting.get(run_id, ()):
                ended.told = told
                ended.event.set()


_ends: WeakKeyDictionary[asyncio.AbstractEventLoop, Ends] = WeakKeyDictionary()


async def ends() -> Ends:
    """The running loop's `Ends`, listening."""
    known = _ends.setdefault(asyncio.get_running_loop(), Ends())
    await known.ready()
    return known
