"""The queue on a real Valkey: what the web process sends, a stock Dramatiq worker takes, and at once."""

import asyncio
import time
from collections.abc import Iterator

import dramatiq
import pytest

from app.core.redis import client
from app.core.settings import get_settings
from app.integrations import queue
from tests.integration.runs.conftest import until


@pytest.fixture
def heard(environment: dict[str, str]) -> Iterator[dict[str, float]]:
    """When each message arrived at a worker."""
    arrived: dict[str, float] = {}
    broker = queue.BellBroker(get_settings().redis_url)

    def hear(run_id: str) -> None:
        arrived[run_id] = time.perf_counter()

    dramatiq.actor(hear, actor_name="hear", queue_name=queue.QUEUE, broker=broker)
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    yield arrived
    worker.stop()
    broker.close()


async def told(heard: dict[str, float], names: set[str]) -> None:
    await until(lambda: names <= heard.keys(), 10, pause_s=0.01)


async def test_a_bell_wakes_an_idle_worker(heard: dict[str, float]) -> None:
    await asyncio.sleep(1.5)
    waits = []
    for number in range(10):
        began = time.perf_counter()
        await queue.dispatch("hear", {"run_id": str(number)})
        await told(heard, {str(number)})
        waits.append(heard[str(number)] - began)
        await asyncio.sleep(0.1)
    assert sorted(waits)[5] < 0.05


async def test_a_burst_arrives_whole_and_is_acknowledged(heard: dict[str, float]) -> None:
    names = {str(number) for number in range(500)}
    await asyncio.gather(*(queue.dispatch("hear", {"run_id": name}) for name in names))
    await told(heard, names)

    async def acknowledged() -> bool:
        return await client().hlen(f"{queue.NAMESPACE}:{queue.QUEUE}.msgs") == 0

    await until(acknowledged, 5)


async def test_redis_may_forget_the_script(heard: dict[str, float]) -> None:
    await queue.dispatch("hear", {"run_id": "before"})
    await client().script_flush()
    await queue.dispatch("hear", {"run_id": "after"})
    await told(heard, {"before", "after"})
