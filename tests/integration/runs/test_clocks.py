"""Machines whose clocks are a day off: the database's clock is the one that counts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core import clock
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.settings import get_settings
from app.services import flow_runs, schedules, snapshots
from tests.integration.runs.conftest import chain, node, store
from tests.integration.runs.test_given_up import inside, with_policy
from tests.integration.runs.test_waits import CALL, branching, start
from workers import alarms, sweep
from workers.run_flow import Runner
from workers.wiring import Wiring

DAYS = [pytest.param(timedelta(days=1), id="ahead"), pytest.param(timedelta(days=-1), id="behind")]


@pytest_asyncio.fixture
async def runner(environment: dict[str, str]) -> AsyncIterator[Runner]:
    """A worker's driver in this very process, so that its clock can be held."""
    wiring = Wiring(get_settings())
    yield Runner(get_settings().worker, wiring)
    await wiring.close()


async def seconds_left(run_id: UUID) -> float:
    async with unit_of_work() as session:
        query = text(
            "SELECT extract(epoch FROM min(due_at) - clock_timestamp()) FROM flow_wait WHERE run_id = :id"
        )
        return float(await session.scalar(query, {"id": run_id}) or 0)


async def status(principal: Principal, run_id: UUID) -> str:
    return str((await flow_runs.get(principal, run_id)).status)


async def due_soon(run_id: UUID) -> None:
    """Let the time pass, by the database."""
    async with unit_of_work() as session:
        await session.execute(
            text("UPDATE flow_wait SET due_at = clock_timestamp() WHERE run_id = :id"), {"id": run_id}
        )


@pytest.mark.parametrize("off", DAYS)
async def test_a_pause_is_as_long_as_it_says(principal: Principal, runner: Runner, off: timedelta) -> None:
    """It neither fires early nor hangs, whichever clock the machine that began it and the one that ends it have."""
    run_id = await start(
        principal, chain(CALL, node("pause", "time.wait", for_s=600), node("end", "output.result", value=1))
    )
    with clock.held(datetime.now(UTC) + off):
        await runner.drive(str(run_id))
        assert 590 < await seconds_left(run_id) <= 600
        await alarms.once()
        assert await status(principal, run_id) == "waiting"
    await due_soon(run_id)
    with clock.held(datetime.now(UTC) - off):
        await alarms.once()
        await runner.drive(str(run_id))
    assert await status(principal, run_id) == "succeeded"
    view = await flow_runs.get(principal, run_id)
    assert (view.output, view.error) == (1, None)


@pytest.mark.parametrize("off", DAYS)
async def test_a_containers_limit_is_the_databases(
    principal: Principal, runner: Runner, off: timedelta
) -> None:
    each = with_policy(node("each", "logic.map", items=[1]), timeout_s=600)
    flow = branching(
        CALL,
        each,
        *inside("each", node("ask", "human.approval", question="?")),
        edges="call>each each.item>ask",
    )
    run_id = await start(principal, flow)
    with clock.held(datetime.now(UTC) + off):
        await runner.drive(str(run_id))
        assert 590 < await seconds_left(run_id) <= 600
        await runner.drive(str(run_id))
        assert await status(principal, run_id) == "waiting", "nothing struck early"
        await due_soon(run_id)
        await alarms.once()
        await runner.drive(str(run_id))
    view = await flow_runs.get(principal, run_id)
    assert (view.status, view.error["code"]) == ("failed", "container.timeout")


@pytest.mark.parametrize("off", DAYS)
async def test_a_run_has_its_time_whatever_the_machine_thinks(
    principal: Principal, runner: Runner, off: timedelta
) -> None:
    flow = chain(CALL, node("ask", "ai.llm", model="demo/echo", prompt="hi")) | {
        "settings": {"timeout_s": 60}
    }
    run_id = await start(principal, flow)
    with clock.held(datetime.now(UTC) + off):
        await runner.drive(str(run_id))
    assert await status(principal, run_id) == "succeeded"


async def test_a_bell_rung_by_a_clock_that_runs_ahead_is_rung_again(
    principal: Principal, runner: Runner
) -> None:
    with clock.held(datetime.now(UTC) + timedelta(days=1)):
        run_id = await start(principal, chain(CALL))
    await sweep.once(128)
    await asyncio.sleep(0)
    async with unit_of_work() as session:
        late = await session.scalar(
            text("SELECT rung_at > clock_timestamp() + interval '1 minute' FROM flow_run WHERE id = :id"),
            {"id": run_id},
        )
    assert late is False


@pytest.mark.parametrize("off", DAYS)
async def test_a_schedule_fires_once_and_keeps_its_next_moment(
    principal: Principal, environment: Any, off: timedelta
) -> None:
    document = chain(
        node("tick", "trigger.schedule", cron="* * * * *", timezone="UTC"),
        node("end", "output.result", value=1),
    )
    flow_id = await store(principal, document, publish=True)
    async with unit_of_work() as session:
        stored = await session.execute(
            text("SELECT document, semantic_hash FROM flow WHERE id = :id"), {"id": flow_id}
        )
        row = stored.one()
        snapshot = snapshots.of(row.document, row.semantic_hash)
        with clock.held(datetime.now(UTC) + off):
            await schedules.publish(session, principal.workspace_id, flow_id, 1, snapshot)
    async with unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE flow_schedule SET next_at = date_trunc('minute', clock_timestamp()) WHERE flow_id = :id"
            ),
            {"id": flow_id},
        )
    with clock.held(datetime.now(UTC) + off):
        for _ in range(2):
            async with unit_of_work() as session:
                await schedules.fire(session)
    async with unit_of_work() as session:
        runs = await session.scalar(
            text("SELECT count(*) FROM flow_run WHERE flow_id = :id"), {"id": flow_id}
        )
        left = await session.scalar(
            text(
                "SELECT extract(epoch FROM next_at - clock_timestamp()) FROM flow_schedule WHERE flow_id = :id"
            ),
            {"id": flow_id},
        )
    assert runs in (1, 2), "two only where the minute turned in between"
    assert 0 <= float(left) <= 60
