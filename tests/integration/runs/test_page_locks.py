"""A page's lock on its state is released however the page is left."""

import asyncio
import contextlib
from functools import partial

from redis.asyncio import Redis
from reflex.istate.manager.redis import StateManagerRedis
from reflex.istate.manager.token import BaseStateToken

from app.state.locks import give_back_cancelled_locks
from app.state.session import SessionState
from tests.integration.runs.conftest import until


async def _free(connection: Redis, lock_key: bytes) -> bool:
    return not await connection.exists(lock_key)


async def test_a_page_that_is_left_while_it_loads_locks_nobody_out(redis_url: str) -> None:
    give_back_cancelled_locks()
    connection: Redis = Redis.from_url(redis_url)
    manager = StateManagerRedis(redis=connection)
    token = BaseStateToken(ident="page", cls=SessionState)

    async def load() -> None:
        async with manager._lock(token):
            await asyncio.sleep(0)

    try:
        for turns in [*range(40)] * 5:
            loading = asyncio.create_task(load())
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns % 3 == 0:
                await asyncio.sleep(0.0005)
            loading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loading
            # Long before the lock would expire by itself.
            await until(partial(_free, connection, manager._lock_key(token)), timeout_s=3, pause_s=0.002)
    finally:
        await manager.close()
