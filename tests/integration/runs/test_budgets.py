"""What runs and workspaces may spend: a model with a price, real workers, many calls at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.embedded.data_dir import free_port
from app.schemas.flow_runs import RunView
from app.schemas.workspace_budget import BudgetView, Limits
from app.services import flow_runs, workspace_budget
from emulators.llm import wire
from tests.integration.runs.conftest import Workers, chain, node, store, until
from tests.integration.runs.test_given_up import inside
from tests.integration.runs.test_waits import CALL, branching, ended, start

# About a thousand tokens of a model at 30 USD a million: three cents a call.
PROMPT = "word " * 800
CENTS = 0.03
MODEL = "openai/gpt-4"


class Priced:
    """A server of OpenAI's wire for a model that the price list knows. `slow_s` before each answer; none while it is
    not `open`.
    """

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.open = asyncio.Event()
        self.open.set()
        self.calls, self.at_once, self.most, self.slow_s, self.broken = 0, 0, 0, 0.0, 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await asyncio.sleep(self.slow_s)
            await self.open.wait()
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.broken:
            self.broken -= 1
            return wire.failure(503, "The engine is overloaded.", "server_error")
        wants_json = "response_format" in body
        message = {"content": "{not json" if wants_json else "ok"}
        if not body.get("stream"):
            return web.json_response(wire.completion(body, message))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"".join(wire.chunks(body, message)))
        return response


@pytest_asyncio.fixture
async def priced(workers: Workers) -> AsyncIterator[Priced]:
    served, app = Priced(), web.Application(client_max_size=2**24)
    app.router.add_post("/v1/chat/completions", served.complete)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    workers.environment |= {"OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": f"http://127.0.0.1:{port}/v1"}
    yield served
    await runner.cleanup()


def ask(node_id: str = "ask", **more: Any) -> dict[str, Any]:
    return node(node_id, "ai.llm", model=MODEL, prompt=PROMPT, **more)


def many(count: int, **settings: Any) -> dict[str, Any]:
    each = node("each", "logic.map", items=list(range(count)), max_parallel=count, on_item_error="collect")
    flow = branching(
        CALL,
        each,
        *inside("each", ask()),
        node("done", "output.result", value="{{ nodes.each.errors }}"),
        edges="call>each each.item>ask each.done>done",
    )
    return flow | {"settings": settings}


async def limit(principal: Principal, **limits: Any) -> BudgetView:
    async with unit_of_work() as session:
        return await workspace_budget.put(session, principal, Limits(**limits))


async def spent(principal: Principal) -> BudgetView:
    async with unit_of_work() as session:
        return await workspace_budget.get(session, principal)


async def run(principal: Principal, flow: dict[str, Any]) -> RunView:
    return await ended(principal, await start(principal, flow), 120)


async def test_a_runs_budget_holds_however_many_ask_at_once(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    priced.slow_s = 1.0
    workers.start()
    view = await run(principal, many(16, budget_usd=CENTS * 4.5))
    codes = {each["code"] for each in view.output}
    assert codes == {"run.budget_spent"}
    assert {(each["node"], each["kind"]) for each in view.output} == {("ask", "budget")}
    assert priced.calls in (5, 6)
    assert priced.most > 1, "there was money for several at once"
    assert view.usage["cost_usd"] == pytest.approx(priced.calls * CENTS, rel=0.2)


async def test_what_was_spent_of_the_month_is_known_and_ends_where_the_owner_says(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    workers.start()
    await run(principal, chain(CALL, ask()))
    before = await spent(principal)
    assert before.limits == Limits()
    assert (before.spent.calls, priced.calls) == (1, 1)
    assert before.spent.usd == pytest.approx(CENTS, rel=0.2)
    await limit(principal, usd=before.spent.usd * 1.5)
    await asyncio.sleep(1.1)
    assert (await run(principal, chain(CALL, ask()))).status == "succeeded"
    refused = await run(principal, chain(CALL, ask()))
    assert (refused.error["kind"], refused.error["code"], refused.error["node"]) == (
        "budget", "workspace.budget_spent", "ask",
    )  # fmt: skip
    assert "Settings" in refused.error["message"]
    assert priced.calls == 2
    await limit(principal, usd=100)
    await asyncio.sleep(1.1)
    assert (await run(principal, chain(CALL, ask()))).status == "succeeded"


async def test_two_workers_share_the_workspaces_budget(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    priced.slow_s = 0.3
    await limit(principal, usd=CENTS * 6)
    workers.start()
    workers.start()
    views = await asyncio.gather(*(run(principal, chain(CALL, ask())) for _ in range(24)))
    failed = [each for each in views if each.status == "failed"]
    assert {each.error["code"] for each in failed} == {"workspace.budget_spent"}
    assert 6 <= priced.calls <= 14, "each process is at most a second of calls behind the other"
    assert (await spent(principal)).spent.calls == priced.calls


async def test_calls_of_free_models_count_once_calls_are_limited(
    principal: Principal, workers: Workers
) -> None:
    free = chain(CALL, node("ask", "ai.llm", model="demo/echo", prompt="hi"))
    workers.start()
    assert (await run(principal, free)).status == "succeeded"
    assert (await spent(principal)).spent.calls == 0
    await limit(principal, calls=1)
    await asyncio.sleep(1.1)
    assert (await run(principal, free)).status == "succeeded"
    assert (await run(principal, free)).error["code"] == "workspace.calls_spent"
    assert (await spent(principal)).spent.calls == 1


async def test_called_runs_spend_their_callers_money(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    """Four called runs at once, none with a budget of its own, and two levels deep."""
    inner = await store(principal, chain(CALL, ask("one"), ask("two"), ask("three")), publish=True)
    middle = await store(principal, chain(CALL, node("sub", "logic.subflow", flow=str(inner))), publish=True)
    each = node("each", "logic.map", items=[1, 2, 3, 4], max_parallel=4, on_item_error="collect")
    flow = branching(
        CALL,
        each,
        *inside("each", node("sub", "logic.subflow", flow=str(middle))),
        node("done", "output.result", value="{{ nodes.each.errors }}"),
        edges="call>each each.item>sub each.done>done",
    ) | {"settings": {"budget_usd": CENTS * 5.5}}
    workers.start()
    view = await run(principal, flow)
    assert view.output, "not all of the twelve questions could be paid"
    assert {each["kind"] for each in view.output} == {"budget"}
    assert 6 <= priced.calls <= 8
    month = await spent(principal)
    assert month.spent.calls == priced.calls, "what a called run spent is not counted again with its caller"


async def test_every_attempt_is_paid_for_and_asked_for(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    """An answer that is no JSON is asked for again, costs twice, and fails: the run says what it cost."""
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    picky = {**ask(output_schema=schema), "policy": {"retry": {"max": 3, "backoff_s": 0}}}
    flow = chain(CALL, picky) | {"settings": {"budget_usd": CENTS * 2.5}}
    workers.start()
    view = await run(principal, flow)
    assert (view.status, view.error["code"]) == ("failed", "run.budget_spent")
    assert priced.calls == 3
    assert view.usage["cost_usd"] == pytest.approx(3 * CENTS, rel=0.3)
    assert (await spent(principal)).spent.calls == 3


async def _steps(principal: Principal, run_id: UUID) -> list[Any]:
    async with unit_of_work() as session:
        return list(await flow_runs.steps(session, principal, run_id))


async def test_a_worker_that_dies_loses_no_spending(
    principal: Principal, workers: Workers, priced: Priced
) -> None:
    """What is recorded is counted once; a call whose answer was lost with its worker is made, and paid, again."""
    first = workers.start()
    run_id = await start(
        principal, chain(CALL, ask(), node("slow", "ai.llm", model="demo/slow", prompt="talk"), ask("again"))
    )

    async def asked_once() -> bool:
        return any(
            each.node == "ask" and each.status == "succeeded" for each in await _steps(principal, run_id)
        )

    await until(asked_once)
    workers.kill(first)
    workers.start()
    assert (await ended(principal, run_id, 30)).status == "succeeded"
    assert (await spent(principal)).spent.calls == 2
    assert priced.calls == 2
