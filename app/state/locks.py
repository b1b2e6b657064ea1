"""A page that is left while it loads must not lock the next page out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from reflex.istate.manager.redis import StateManagerRedis

_reflex_try_get_lock: Final = StateManagerRedis._try_get_lock
_reflex_lock: Final = StateManagerRedis._lock
_RELEASE: Final = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_releasing: set[asyncio.Task[None]] = set()


def give_back_cancelled_locks() -> None:
    """Mend Reflex's lock on a page's state.

    A page that is left cancels its load handlers. If that strikes while Redis is setting or deleting the lock, nobody
    releases it: the next page of the same tab waits for its expiry, ten seconds. Reflex should shield those calls:
    https://github.com/reflex-dev/reflex/blob/main/reflex/istate/manager/redis.py
    """
    StateManagerRedis._try_get_lock = _try_get_lock  # type: ignore[method-assign,assignment]
    StateManagerRedis._lock = _lock  # type: ignore[method-assign,assignment]


async def _try_get_lock(manager: StateManagerRedis, lock_key: bytes, lock_id: bytes) -> bool | None:
    """Reflex's own; cancelled, it gives back what it may have got."""
    asked = asyncio.ensure_future(_reflex_try_get_lock(manager, lock_key, lock_id))
    try:
        return await asyncio.shield(asked)
    except asyncio.CancelledError:
        _release_later(manager, lock_key, lock_id, asked)
        raise


@asynccontextmanager
async def _lock(
    manager: StateManagerRedis, token: Any, event_name: str | None = None
) -> AsyncIterator[bytes]:
    """Reflex's own; cancelled, it makes sure that the lock is gone."""
    held: bytes | None = None
    try:
        async with _reflex_lock(manager, token, event_name) as held:
            yield held
    except asyncio.CancelledError:
        if held is not None:
            _release_later(manager, manager._lock_key(token), held)
        raise


def _release_later(
    manager: StateManagerRedis, lock_key: bytes, lock_id: bytes, after: asyncio.Future[Any] | None = None
) -> None:
    """In a task of its own: the one that held the lock is being cancelled."""

    async def release() -> None:
        if after is not None:
            await asyncio.wait({after})
        script: Any = manager.redis.eval(_RELEASE, 1, lock_key, lock_id)
        await script

    task = asyncio.create_task(release())
    _releasing.add(task)
    task.add_done_callback(_releasing.discard)
