"""Maps over as many items as a map may have, on a real worker."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.schemas.flow_runs import RunView
from app.services import flow_runs
from tests.integration.runs.conftest import Workers, node, store, until
from tests.integration.runs.test_runs import queue_stored, run

COUNT = 10_000
ITEMS = [{"n": number, "text": "x" * 200} for number in range(COUNT)]
LACKING = [{"n": number} if number % 1_000 == 7 else ITEMS[number] for number in range(COUNT)]
GOOD = [{"n": number, "text": "x" * 200 + "!"} for number in range(COUNT) if number % 1_000 != 7]


def mapped(on_item_error: str = "stop") -> dict[str, Any]:
    made = node("made", "logic.set", output={"n": "{{ item.n }}", "text": "{{ item.text }}!"})
    return {
        "schema": "flow/1",
        "kind": "task",
        "name": "Test",
        "nodes": [
            node("call", "trigger.call"),
            node("each", "logic.map", items="{{ input.items }}", on_item_error=on_item_error),
            {**made, "parent": "each"},
            node("result", "output.result", value="{{ nodes.each }}"),
        ],
        "edges": [
            {"id": "a", "source": "call", "target": "each"},
            {"id": "b", "source": "each", "source_port": "item", "target": "made"},
            {"id": "c", "source": "each", "source_port": "done", "target": "result"},
        ],
    }


async def largest_event(run_id: UUID) -> int:
    query = text("SELECT max(length(event::text)) FROM flow_run_event WHERE run_id = :id")
    async with unit_of_work() as session:
        return await session.scalar(query, {"id": run_id}) or 0


async def recorded(run_id: UUID) -> int:
    async with unit_of_work() as session:
        return await session.scalar(text("SELECT seq FROM flow_run WHERE id = :id"), {"id": run_id}) or 0


def memory_mb(process_id: int) -> int:
    """What a process and its children held at most."""
    found = 0
    for pid in [process_id, *children(process_id)]:
        with open(f"/proc/{pid}/status") as status:
            found = max(found, *[int(line.split()[1]) // 1024 for line in status if "VmHWM" in line])
    return found


def children(process_id: int) -> list[int]:
    with open(f"/proc/{process_id}/task/{process_id}/children") as listed:
        own = [int(each) for each in listed.read().split()]
    return [*own, *[each for child in own for each in children(child)]]


@pytest.mark.timeout(300)
async def test_ten_thousand_items_come_back_in_order(principal: Principal, workers: Workers) -> None:
    worker = workers.start()
    before = memory_mb(worker.pid)
    done = await run(principal, mapped(), {"items": ITEMS})
    assert (done.status, done.error) == ("succeeded", None)
    assert [each["n"] for each in done.output["results"]] == list(range(COUNT))
    assert done.output["results"][-1] == {"n": COUNT - 1, "text": "x" * 200 + "!"}
    assert await largest_event(done.id) < 65_536
    assert await recorded(done.id) > COUNT
    assert memory_mb(worker.pid) - before < 400


@pytest.mark.timeout(300)
async def test_failed_items_among_ten_thousand(principal: Principal, workers: Workers) -> None:
    workers.start()
    done = await run(principal, mapped("stop"), {"items": LACKING})
    assert (done.status, done.error["node"], done.error["place"]) == ("failed", "made", "each[7]")
    for on_item_error, failed in (("skip", []), ("collect", list(range(7, COUNT, 1_000)))):
        done = await run(principal, mapped(on_item_error), {"items": LACKING})
        assert done.status == "succeeded"
        assert done.output["results"] == GOOD
        assert [error["index"] for error in done.output["errors"]] == failed


@pytest.mark.timeout(300)
async def test_a_worker_killed_in_the_middle_of_ten_thousand_items(
    principal: Principal, workers: Workers
) -> None:
    doomed = workers.start()
    run_id = await queue_stored(principal, await store(principal, mapped()), {"items": ITEMS})

    async def in_the_middle() -> bool:
        return await recorded(run_id) > COUNT // 4

    await until(in_the_middle, 60, 0.02)
    workers.kill(doomed)
    seen: RunView = await flow_runs.get(principal, run_id)
    kept = await recorded(run_id)
    assert seen.status == "running"
    workers.start()

    async def over() -> bool:
        return (await flow_runs.get(principal, run_id)).status == "succeeded"

    await until(over, 90, 0.5)
    done = await flow_runs.get(principal, run_id)
    assert [each["n"] for each in done.output["results"]] == list(range(COUNT))
    async with unit_of_work() as session:
        twice = await session.scalar(
            text(
                "SELECT count(*) - count(DISTINCT (event->>'path')) FROM flow_run_event"
                " WHERE run_id = :id AND event->>'node' = 'made'"
            ),
            {"id": run_id},
        )
    assert (twice, kept > 1) == (0, True)
