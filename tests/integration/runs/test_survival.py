"""Parts are killed while runs are under way: every run ends, and no recorded model call is bought twice."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.schemas.flow_runs import StartRun
from app.services import flow_runs
from tests.integration.runs.conftest import Model, Workers, chain, node, store, until

THREE_CALLS = chain(
    node("call", "trigger.call"),
    node("one", "ai.llm", model="demo/echo", prompt="first of {{ input.n }}"),
    node("two", "ai.llm", model="demo/slow", prompt="second of {{ trigger.n }}"),
    node("three", "ai.llm", model="demo/echo", prompt="third of {{ trigger.n }}"),
    node("result", "output.result", value="{{ nodes.one.text }}, {{ nodes.three.text }}"),
)
RUNS = 8


async def start(principal: Principal, document: dict[str, Any], count: int = RUNS) -> list[UUID]:
    flow_id = await store(principal, document)
    started = []
    for number in range(count):
        async with unit_of_work() as session:
            asked = StartRun(input={"n": number})
            started.append(await flow_runs.queue_stored(session, principal, flow_id, asked))
    return started


async def statuses(principal: Principal, runs: list[UUID]) -> set[str]:
    return {(await flow_runs.get(principal, run_id)).status for run_id in runs}


async def all_succeeded(principal: Principal, runs: list[UUID]) -> bool:
    return await statuses(principal, runs) == {"succeeded"}


async def recorded(step: str) -> int:
    """How many runs have a result of this step in their journal."""
    query = text("SELECT count(*) FROM flow_run_event WHERE event->>'node' = :step")
    async with unit_of_work() as session:
        return await session.scalar(query, {"step": step}) or 0


@pytest.mark.timeout(120)
async def test_another_worker_goes_on_from_the_journal(
    principal: Principal, workers: Workers, model: Model
) -> None:
    doomed = workers.start()
    runs = await start(principal, THREE_CALLS)

    async def first_step_recorded() -> bool:
        return await recorded("one") == RUNS

    await until(first_step_recorded)
    workers.kill(doomed)
    workers.start()
    await until(partial(all_succeeded, principal, runs), 30)
    for number in range(RUNS):
        assert model.calls[f"first of {number}"] == 1
        assert model.calls[f"third of {number}"] == 1
        assert (
            await flow_runs.get(principal, runs[number])
        ).output == f"first of {number}, third of {number}"


@pytest.mark.timeout(120)
async def test_two_workers_never_drive_one_run(principal: Principal, workers: Workers, model: Model) -> None:
    workers.start()
    workers.start()
    runs = await start(principal, THREE_CALLS, 20)
    await until(partial(all_succeeded, principal, runs), 30)
    assert set(model.calls.values()) == {1}


@pytest.mark.timeout(120)
async def test_a_stopped_worker_hands_its_runs_over(
    principal: Principal, workers: Workers, model: Model
) -> None:
    stopping = workers.start()
    runs = await start(principal, THREE_CALLS)
    await until(lambda: sum(model.calls.values()) > RUNS)
    workers.start()
    stopping.terminate()
    assert await asyncio.to_thread(stopping.wait, 30) == 0
    workers.running.remove(stopping)
    await until(partial(all_succeeded, principal, runs), 20)


@pytest.mark.timeout(120)
async def test_a_run_that_kills_its_worker_fails_in_the_end(principal: Principal, workers: Workers) -> None:
    runs = await start(principal, THREE_CALLS, 1)
    async with unit_of_work() as session:
        await session.execute(text("UPDATE flow_run SET attempts = 5"))
    workers.start()
    await until(partial(ended, principal, runs[0]))
    done = await flow_runs.get(principal, runs[0])
    assert (done.status, done.error["code"]) == ("failed", "run.crashed_repeatedly")
    events = [event async for event in flow_runs.follow(principal, runs[0])]
    assert events[-1]["type"] == "run.failed"


async def ended(principal: Principal, run_id: UUID) -> bool:
    return (await flow_runs.get(principal, run_id)).ended_at is not None
