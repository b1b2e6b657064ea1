"""Model calls that outlive their step: nobody waits for them, and what they cost is counted all the same."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from app.core.principal import Principal
from app.schemas.flow_runs import RunView
from app.services import flow_runs
from tests.integration.runs.conftest import Workers, chain, node, until
from tests.integration.runs.test_budgets import CENTS, Priced, ask, spent
from tests.integration.runs.test_budgets import priced as priced
from tests.integration.runs.test_given_up import inside, with_policy
from tests.integration.runs.test_spread_maps import runner as runner
from tests.integration.runs.test_waits import CALL, asked, branching, decide, start
from workers.run_flow import Runner

ANY = node("either", "logic.join", mode="any", late="cancel")
QUICK = node("quick", "human.approval", question="Quick?", allow_self=True)
RACE = "call>ask call>quick ask>either quick.approved>either"
QUESTION = node("question", "human.approval", question="Go on?", allow_self=True)


@pytest_asyncio.fixture(autouse=True)
async def ready(
    principal: Principal, workers: Workers, priced: Priced, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """This process drives; it has loaded what model calls need. The server answers nobody yet."""
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, workers.environment[name])
    echo = node("ask", "ai.llm", model="demo/echo", prompt="hello")
    await runner.drive(str(await start(principal, chain(CALL, echo))))
    priced.open.clear()
    yield
    priced.open.set()


async def under_way(
    runner: Runner, principal: Principal, priced: Priced, flow: dict[str, Any], calls: int = 1
) -> tuple[UUID, asyncio.Task[None]]:
    """A run that this process drives, with so many calls that wait for their answers."""
    run_id = await start(principal, flow)
    driven = asyncio.create_task(runner.drive(str(run_id)))
    await until(lambda: priced.at_once == calls)
    return run_id, driven


async def raced(runner: Runner, principal: Principal, priced: Priced, flow: dict[str, Any]) -> UUID:
    """A run whose other branch was quicker; it is driven as far as it goes without the call."""
    run_id, driven = await under_way(runner, principal, priced, flow)
    (item,) = await asked(principal)
    await decide(principal, item.id)
    runner.held.nudge(str(run_id))
    await driven
    return run_id


async def used(principal: Principal, run_id: UUID, calls: int) -> bool:
    cost = (await flow_runs.get(principal, run_id)).usage.get("cost_usd") or 0.0
    return bool(cost == pytest.approx(calls * CENTS, rel=0.2))


async def counted(principal: Principal, priced: Priced, view: RunView, calls: int) -> None:
    """The run has ended before the answer comes; then its usage and the workspace's month have it, once."""
    assert view.ended_at is not None
    assert (priced.calls, priced.at_once) == (calls, calls)
    assert not view.usage["cost_usd"]
    priced.open.set()
    await until(partial(used, principal, view.id, calls))
    await asyncio.sleep(0.3)
    assert await used(principal, view.id, calls)
    month = (await spent(principal)).spent
    assert (month.calls, month.usd) == (calls, pytest.approx(calls * CENTS, rel=0.2))


async def test_a_branch_that_a_join_cancels(principal: Principal, priced: Priced, runner: Runner) -> None:
    run_id = await raced(runner, principal, priced, branching(CALL, ask(), QUICK, ANY, edges=RACE))
    view = await flow_runs.get(principal, run_id)
    assert view.status == "succeeded"
    await counted(principal, priced, view, 1)


async def test_a_container_that_runs_out_of_time(
    principal: Principal, priced: Priced, runner: Runner
) -> None:
    each = node("each", "logic.map", items=[1, 2], max_parallel=2)
    each = with_policy(each, timeout_s=3, on_error="port")
    flow = branching(CALL, each, *inside("each", ask()), edges="call>each each.item>ask")
    run_id, driven = await under_way(runner, principal, priced, flow, 2)
    await driven
    view = await flow_runs.get(principal, run_id)
    assert view.status == "succeeded"
    await counted(principal, priced, view, 2)


async def test_a_step_whose_own_time_is_over(principal: Principal, priced: Priced, runner: Runner) -> None:
    flow = chain(CALL, with_policy(ask(), timeout_s=3))
    run_id, driven = await under_way(runner, principal, priced, flow)
    await driven
    view = await flow_runs.get(principal, run_id)
    assert (view.status, view.error["code"]) == ("failed", "step.timeout")
    await counted(principal, priced, view, 1)


async def test_a_run_that_is_cancelled(principal: Principal, priced: Priced, runner: Runner) -> None:
    run_id, driven = await under_way(runner, principal, priced, chain(CALL, ask()))
    runner.held.cancel(str(run_id))
    await driven
    view = await flow_runs.get(principal, run_id)
    assert view.status == "cancelled"
    await counted(principal, priced, view, 1)


def asking_again(**settings: Any) -> dict[str, Any]:
    """A call that is given up, a question, another call."""
    edges = f"{RACE} either>question question.approved>again"
    return branching(CALL, ask(), QUICK, ANY, QUESTION, ask("again"), edges=edges) | {"settings": settings}


async def gone_on(principal: Principal, priced: Priced, runner: Runner, **settings: Any) -> RunView:
    """The run whose late answer came while it waited, after its second call."""
    run_id = await raced(runner, principal, priced, asking_again(**settings))
    assert (await flow_runs.get(principal, run_id)).status == "waiting"
    priced.open.set()
    await until(partial(used, principal, run_id, 1))
    (item,) = await asked(principal)
    await decide(principal, item.id)
    await runner.drive(str(run_id))
    return await flow_runs.get(principal, run_id)


async def test_what_came_while_the_run_waited_is_added_to_what_it_uses_afterwards(
    principal: Principal, priced: Priced, runner: Runner
) -> None:
    view = await gone_on(principal, priced, runner)
    assert view.status == "succeeded"
    assert view.usage["cost_usd"] == pytest.approx(2 * CENTS, rel=0.2)
    assert (await spent(principal)).spent.calls == 2


async def test_it_counts_against_the_run_s_own_budget(
    principal: Principal, priced: Priced, runner: Runner
) -> None:
    view = await gone_on(principal, priced, runner, budget_usd=CENTS / 2)
    assert (view.error["code"], view.error["node"], priced.calls) == ("run.budget_spent", "again", 1)


async def test_what_a_provider_refuses_late_costs_nothing(
    principal: Principal, priced: Priced, runner: Runner
) -> None:
    priced.broken = 1
    run_id = await raced(runner, principal, priced, branching(CALL, ask(), QUICK, ANY, edges=RACE))
    assert priced.at_once == 1
    priced.open.set()
    await until(lambda: priced.at_once == 0)
    await asyncio.sleep(0.5)
    assert not (await flow_runs.get(principal, run_id)).usage["cost_usd"]
    assert (await spent(principal)).spent.calls == 0


async def test_a_process_that_stops_waits_for_no_answer(
    principal: Principal, priced: Priced, runner: Runner
) -> None:
    await raced(runner, principal, priced, branching(CALL, ask(), QUICK, ANY, edges=RACE))
    async with asyncio.timeout(5):
        await runner._wiring.close()
    assert priced.at_once == 1
