"""The process's Redis client: one a loop. Redis may be emptied or gone at any time; whoever asks copes with that."""

import asyncio
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.core.settings import get_settings

PREFIX = "prometey:"
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[str, Redis]] = WeakKeyDictionary()


def client() -> Redis:
    """The client of the running loop. Raises `SettingsError` without `REDIS_URL`."""
    loop = asyncio.get_running_loop()
    settings = get_settings()
    known = _clients.get(loop)
    if known is None or known[0] != settings.redis_url:
        settings.require("redis_url")
        known = settings.redis_url, connect(settings.redis_url)
        _clients[loop] = known
    return known[1]


def connect(url: str) -> Redis:
    """A client that fails fast: one retry over a stale connection, two seconds for an answer."""
    return Redis.from_url(
        url, socket_connect_timeout=2, socket_timeout=2, retry=Retry(NoBackoff(), 1), max_connections=50
    )


async def close() -> None:
    """Close the running loop's client."""
    known = _clients.pop(asyncio.get_running_loop(), None)
    if known is not None:
        await known[1].aclose()
