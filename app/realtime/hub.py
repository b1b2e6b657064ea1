"""Listens on one Redis connection for everything this process wants to hear, and hands it to whoever asked.

After a lost connection it subscribes again and tells every listener `GAP`: something may have been missed.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.core.redis import connect
from app.core.settings import get_settings

GAP: Final = b""
_RETRY_S = 0.2
_log = structlog.get_logger()
_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, "Hub"] = WeakKeyDictionary()

Listener = asyncio.Queue[bytes]


class Hub:
    """Channels of one process. Made by `hub`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._confirmed: dict[str, asyncio.Event] = {}
        self._pubsub: Any = None
        self._task: asyncio.Task[None] | None = None

    async def listen(self, channel: str, listener: Listener, timeout_s: float = 1.0) -> bool:
        """Put what is published on `channel` into `listener`. False when Redis did not confirm it in time."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        fresh = channel not in self._listeners or not self._listeners[channel]
        self._listeners[channel].add(listener)
        confirmed = self._confirmed.setdefault(channel, asyncio.Event())
        if fresh and self._pubsub is not None:
            with suppress(RedisError, OSError):
                await self._pubsub.subscribe(channel)
        try:
            async with asyncio.timeout(timeout_s):
                await confirmed.wait()
        except TimeoutError:
            return False
        return True

    async def forget(self, channel: str, listener: Listener) -> None:
        self._listeners[channel].discard(listener)
        if self._listeners[channel]:
            return
        del self._listeners[channel]
        self._confirmed.pop(channel, None)
        if self._pubsub is not None:
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(channel)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        client = connect(self.url)
        try:
            while True:
                try:
                    await self._session(client)
                except (RedisError, OSError) as error:
                    _log.warning("realtime.disconnected", error=type(error).__name__)
                self._lost()
                await asyncio.sleep(_RETRY_S)
        finally:
            await client.aclose()

    async def _session(self, client: Redis) -> None:
        pubsub = client.pubsub()
        try:
            await pubsub.subscribe(*(list(self._listeners) or [f"{self.url}:idle"]))
            self._pubsub = pubsub
            while True:
                message = await pubsub.get_message(timeout=None)
                if message is not None:
                    self._hand_out(message)
        finally:
            self._pubsub = None
            await pubsub.aclose()

    def _hand_out(self, message: dict[str, Any]) -> None:
        channel = message["channel"].decode()
        if message["type"] == "subscribe" and channel in self._confirmed:
            self._confirmed[channel].set()
        elif message["type"] == "message":
            for listener in self._listeners.get(channel, ()):
                listener.put_nowait(message["data"])

    def _lost(self) -> None:
        for confirmed in self._confirmed.values():
            confirmed.clear()
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.put_nowait(GAP)


async def hub() -> Hub:
    """The hub of the running loop."""
    loop, url = asyncio.get_running_loop(), get_settings().redis_url
    known = _hubs.get(loop)
    if known is None or known.url != url:
        if known is not None:
            await known.close()
        known = _hubs[loop] = Hub(url)
    return known


async def close() -> None:
    known = _hubs.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known.close()
