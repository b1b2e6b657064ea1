"""Counters with an end, in Redis: how often something went wrong lately. Without Redis nothing is limited."""

import structlog
from redis.exceptions import RedisError

from app.core.redis import PREFIX, client
from app.errors import TooMany

_log = structlog.get_logger()


async def refuse_over(limit: int, *keys: str) -> None:
    """Raise `TooMany` with the seconds to wait when any of the counters has reached `limit`."""
    try:
        async with client().pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(_name(key))
                pipe.ttl(_name(key))
            answers = await pipe.execute()
    except (RedisError, OSError):
        _log.warning("rate_limit.unavailable")
        return
    waits = [ttl for count, ttl in zip(answers[::2], answers[1::2], strict=True) if int(count or 0) >= limit]
    if waits:
        raise TooMany("auth.too_many_attempts", retry_after_s=max(1, *waits))


async def count(window_s: int, *keys: str) -> None:
    """Count once more; a counter ends `window_s` after its first count."""
    try:
        async with client().pipeline(transaction=True) as pipe:
            for key in keys:
                pipe.incr(_name(key))
                pipe.expire(_name(key), window_s, nx=True)
            await pipe.execute()
    except (RedisError, OSError):
        _log.warning("rate_limit.unavailable")


def _name(key: str) -> str:
    return f"{PREFIX}limit:{key}"
