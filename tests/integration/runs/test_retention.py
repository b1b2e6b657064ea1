"""Runs that ended long ago lose their journals, then their rows; whatever is still needed stays. The clock is moved."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core import clock
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.settings import RetentionSettings, get_settings
from app.errors import AppError
from app.schemas.flow_runs import Replay
from app.services import flow_runs, flow_tests, run_replay
from tests.integration.runs.conftest import chain, node, store
from tests.integration.runs.test_runs import queue_stored
from workers import retention
from workers.run_flow import Runner
from workers.wiring import Wiring

KEPT = RetentionSettings(days=30, summary_days=200)
LARGE = [{"n": number, "text": "y" * 20} for number in range(5_000)]
PLAIN = chain(
    node("call", "trigger.call"),
    node("kept", "logic.set", output={"inside": "{{ input.payload }}"}),
    node("result", "output.result", value="{{ input.inside }}"),
)


@pytest_asyncio.fixture
async def runner(environment: dict[str, str]) -> AsyncIterator[Runner]:
    """A driver of this process."""
    settings = get_settings()
    wiring = Wiring(settings)
    made = Runner(settings.worker, wiring)
    yield made
    await made.sink.flush()
    await wiring.close()


async def later(days: float, kept: RetentionSettings = KEPT) -> int:
    """Tidy up as it would be done so many days from now. Returns how many runs were touched."""
    touched = 0
    with clock.held(clock.now() + timedelta(days=days)):
        while found := await retention.once(kept):
            touched += found
    return touched


async def ended(runner: Runner, principal: Principal, document: dict[str, Any], given: Any) -> UUID:
    run_id = await queue_stored(principal, await store(principal, document), given)
    await runner.drive(str(run_id))
    return run_id


async def count(table: str) -> int:
    async with unit_of_work() as session:
        return await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0


async def steps_of(principal: Principal, run_id: UUID) -> list[str]:
    async with unit_of_work() as session:
        return [step.node for step in await flow_runs.steps(session, principal, run_id)]


async def test_details_go_first_and_the_row_much_later(principal: Principal, runner: Runner) -> None:
    run_id = await ended(runner, principal, PLAIN, {"payload": "a word"})
    assert await later(29) == 0
    assert await steps_of(principal, run_id) == ["call", "kept", "result"]
    assert await later(31) == 1
    assert await count("flow_run_event") == 0
    view = await flow_runs.get(principal, run_id)
    assert (view.status, view.output, view.input) == ("succeeded", "a word", {"payload": "a word"})
    removed: datetime = view.details_removed_at or pytest.fail("it is not said when")
    assert abs(removed - clock.now() - timedelta(days=31)) < timedelta(minutes=5)
    assert await steps_of(principal, run_id) == []
    assert [event["type"] async for event in flow_runs.follow(principal, run_id)] == ["run.succeeded"]
    assert await later(199) == 0
    assert await later(201) == 1
    assert await count("flow_run") == 0


async def test_values_go_with_the_last_run_that_uses_them(principal: Principal, runner: Runner) -> None:
    first = await ended(runner, principal, PLAIN, {"payload": LARGE})
    secret = chain(
        node("call", "trigger.call"),
        node("made", "logic.set", output=[["{{ input.payload }}"] * 2, "z" * 70_000]),
        node("result", "output.result", value="done"),
    )
    await ended(runner, principal, secret, {"payload": LARGE})
    assert await count("blob") == 2
    assert await later(31) == 2
    assert await count("blob") == 1  # inputs are kept with their rows
    view = await flow_runs.get(principal, first)
    assert (view.output, view.input) == (LARGE, {"payload": LARGE})
    assert await later(201) == 2
    assert (await count("blob"), await count("flow_run_blob")) == (0, 0)


async def test_a_run_that_waits_is_never_touched(principal: Principal, runner: Runner) -> None:
    asking = chain(
        node("call", "trigger.call"), node("ask", "human.approval", question="Shall we?", assignees=["ann"])
    )
    run_id = await ended(runner, principal, asking, {})
    assert (await flow_runs.get(principal, run_id)).status == "waiting"
    assert await later(3_000) == 0
    assert await steps_of(principal, run_id) == ["call", "ask"]


async def test_a_called_run_stays_as_long_as_its_caller(principal: Principal, runner: Runner) -> None:
    inner = chain(node("call", "trigger.call"), node("result", "output.result", value="inner"))
    called = await store(principal, inner)
    outer = chain(
        node("call", "trigger.call"),
        node("sub", "logic.subflow", flow=str(called)),
        node("ask", "human.approval", question="Shall we?", assignees=["ann"]),
    )
    run_id = await ended(runner, principal, outer, {})
    async with unit_of_work() as session:
        child = await session.scalar(text("SELECT id FROM flow_run WHERE parent_run_id IS NOT NULL"))
    await runner.drive(str(child))
    await runner.drive(str(run_id))
    assert await later(3_000) == 0
    assert await steps_of(principal, child) == ["call", "result"]


async def test_a_run_that_was_forked_stays_as_long_as_the_fork(principal: Principal, runner: Runner) -> None:
    run_id = await ended(runner, principal, PLAIN, {"payload": "a word"})
    async with unit_of_work() as session:
        fork = await run_replay.replay(session, principal, run_id, Replay(from_node="result"))
    assert await later(3_000) == 0
    await runner.drive(str(fork.id))
    assert await steps_of(principal, run_id) == ["call", "kept", "result"]
    # The fork's journal goes first, the first run's after it; then both rows.
    assert await later(31) == 2
    assert await later(201) == 2


async def test_what_has_no_details_is_replayed_as_a_whole_or_not_at_all(
    principal: Principal, runner: Runner
) -> None:
    run_id = await ended(runner, principal, PLAIN, {"payload": "a word"})
    assert await later(31) == 1
    for asked in (Replay(from_node="kept"), Replay(resume=True)):
        with pytest.raises(AppError) as refused:
            async with unit_of_work() as session:
                await run_replay.replay(session, principal, run_id, asked)
        assert refused.value.error_code == "run.details_removed"
    with pytest.raises(AppError) as refused:
        async with unit_of_work() as session:
            await flow_tests.make_from_run(session, principal, run_id, "", "en")
    assert refused.value.error_code == "run.details_removed"
    async with unit_of_work() as session:
        whole = await run_replay.replay(session, principal, run_id, Replay())
    await runner.drive(str(whole.id))
    assert (await flow_runs.get(principal, whole.id)).output == "a word"


async def test_nothing_goes_where_runs_are_kept_for_ever(principal: Principal, runner: Runner) -> None:
    await ended(runner, principal, PLAIN, {"payload": "a word"})
    assert await later(9_000, RetentionSettings(days=0, summary_days=1)) == 0
    assert await later(9_000, RetentionSettings(days=30, summary_days=0)) == 1
    assert await count("flow_run") == 1


async def test_a_batch_is_small(
    principal: Principal, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await ended(runner, principal, PLAIN, {"payload": "a word"})
    monkeypatch.setattr("app.repositories.retention.MOST_EVENTS", 9)
    with clock.held(clock.now() + timedelta(days=31)):
        assert [await retention.once(KEPT) for _ in range(4)] == [1, 1, 1, 0]


async def test_a_value_that_comes_into_use_again_is_not_lost(principal: Principal, runner: Runner) -> None:
    """One transaction is about to use a value while another removes the last run that used it."""
    await ended(runner, principal, PLAIN, {"payload": LARGE})
    assert await later(31) == 1
    flow_id = await store(principal, PLAIN)
    async with unit_of_work() as session:
        again = await flow_runs.queue_stored(
            session, principal, flow_id, flow_runs.StartRun(input={"payload": LARGE})
        )
        await session.flush()
        assert await later(201) == 1
    await runner.drive(str(again))
    assert (await flow_runs.get(principal, again)).output == LARGE
