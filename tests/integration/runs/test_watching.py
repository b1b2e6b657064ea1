"""An open editor hears of its flow and of the runs on its canvas, in few pushes and without a gap."""

import asyncio

import pytest

from app.core.clock import new_id
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.realtime.publish import publish_flow
from app.schemas.flow_runs import StartRun
from app.services import flow_runs
from app.state import watching
from tests.integration.runs.conftest import Workers, chain, node, store, until

ECHO = chain(node("call", "trigger.call"), node("result", "output.result", value="{{ input }}"))


async def test_a_run_that_somebody_starts_is_told_from_its_first_event_to_its_last(
    principal: Principal, workers: Workers
) -> None:
    workers.start()
    flow_id = await store(principal, ECHO)
    watcher = watching.begin("page", principal, flow_id)
    await asyncio.sleep(0.3)  # it listens by now; there is nothing to see it by
    async with unit_of_work() as session:
        run_id = await flow_runs.queue_stored(session, principal, flow_id, StartRun(input={"a": 1}))
    await publish_flow(flow_id, {"kind": "run", "run_id": str(run_id)})
    events = []
    while not events or events[-1]["type"] != "run.succeeded":
        items = await asyncio.wait_for(watcher.take(), 20)
        assert items
        events += [
            event
            for item in items
            if item["kind"] == "status" and item["run_id"] == str(run_id)
            for event in item["events"]
        ]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    watching.end("page")


async def test_news_that_come_together_are_one_push(principal: Principal, redis_url: str) -> None:
    flow_id = new_id()
    watcher = watching.begin("page", principal, flow_id)
    await asyncio.sleep(0.3)
    for number in range(20):
        await publish_flow(flow_id, {"kind": "problems", "revision": number, "problems": []})
    items = await asyncio.wait_for(watcher.take(), 5)
    assert items is not None
    assert [item["revision"] for item in items] == list(range(20))
    watching.end("page")


async def test_a_watcher_ends_with_its_page(
    principal: Principal, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "GONE_AFTER_S", 0.2)
    monkeypatch.setattr(watching, "_LOOK_EVERY_S", 0.05)
    watcher = watching.begin("page", principal, new_id())
    assert await asyncio.wait_for(watcher.take(), 5) is None
    watching.end("page", watcher)
    assert watching.of("page") is None
    await until(lambda: watcher._news.done())


async def test_another_flow_on_the_page_takes_the_place_of_the_first(
    principal: Principal, redis_url: str
) -> None:
    first = watching.begin("page", principal, new_id())
    second = watching.begin("page", principal, new_id())
    assert watching.of("page") is second
    watching.end("page", first)  # the first one's end, a moment later
    assert watching.of("page") is second
    watching.end("page")
