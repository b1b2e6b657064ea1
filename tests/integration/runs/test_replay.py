"""Forks of runs, the list of runs, and steps that were cut off while they acted."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.embedded.data_dir import free_port
from app.errors import AppError
from app.schemas.flow_runs import Replay, StartRun
from app.schemas.inbox import Outcome
from app.services import flow_runs, inbox, run_replay
from tests.integration.runs.conftest import Model, Workers, chain, node, store, until
from tests.integration.runs.test_waits import CALL, asked, branching, ended, start


async def fork(principal: Principal, run_id: UUID, **how: Any) -> UUID:
    async with unit_of_work() as session:
        view = await run_replay.replay(session, principal, run_id, Replay(**how))
    assert view.replay_of == run_id
    return view.id


FLOW = branching(
    CALL,
    node("ask", "ai.llm", model="demo/assistant", prompt="Say {{ input.word }}"),
    node("shout", "logic.set", output="{{ nodes.ask.text | upcase }}"),
    node("tell", "channel.send", text="{{ nodes.shout }}"),
    node("done", "output.result", value="{{ nodes.shout }}"),
    edges="call>ask ask>shout shout>tell shout>done",
)


class TestReplay:
    async def test_what_is_upstream_is_not_bought_again(
        self, principal: Principal, workers: Workers, model: Model
    ) -> None:
        workers.start()
        run_id = await start(principal, FLOW, {"word": "Hello"})
        first = await ended(principal, run_id)
        assert sum(model.calls.values()) == 1
        again = await ended(principal, await fork(principal, run_id, from_node="shout"))
        assert (again.output, sum(model.calls.values())) == (first.output, 1)
        assert again.simulate
        assert again.messages[0]["text"] == first.messages[0]["text"]
        async with unit_of_work() as session:
            steps = {each.node: each for each in await flow_runs.steps(session, principal, again.id)}
        assert [each["kind"] for each in steps["tell"].effects] == ["message"]
        assert again.usage["cost_usd"] == 0

    async def test_recorded_values_may_be_edited(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        run_id = await start(principal, FLOW, {"word": "Hello"})
        await ended(principal, run_id)
        edited = await fork(principal, run_id, from_node="shout", outputs={"ask": {"text": "other"}})
        assert (await ended(principal, edited)).output == "OTHER"

    async def test_a_whole_run_with_another_input(
        self, principal: Principal, workers: Workers, model: Model
    ) -> None:
        workers.start()
        run_id = await start(principal, FLOW, {"word": "Hello"})
        await ended(principal, run_id)
        await ended(principal, await fork(principal, run_id, input={"word": "Bye"}))
        assert set(model.calls) == {"Say Hello", "Say Bye"}

    async def test_a_step_of_a_container_is_replayed_with_it(
        self, principal: Principal, workers: Workers
    ) -> None:
        flow = branching(
            CALL,
            node("each", "logic.map", items="{{ input.items }}"),
            {**node("inner", "logic.set", output="{{ item }}!"), "parent": "each"},
            node("done", "output.result", value="{{ nodes.each.results }}"),
            edges="call>each each.item>inner each.done>done",
        )
        workers.start()
        run_id = await start(principal, flow, {"items": ["a"]})
        await ended(principal, run_id)
        again = await fork(principal, run_id, from_node="inner", input={"items": ["b", "c"]})
        assert (await ended(principal, again)).output == ["a!"], "the recorded trigger is upstream"
        edited = await fork(principal, run_id, from_node="inner", outputs={"call": {"items": ["b", "c"]}})
        assert (await ended(principal, edited)).output == ["b!", "c!"]

    async def test_a_failed_run_takes_up_where_it_failed(
        self, principal: Principal, workers: Workers, model: Model, shop: "Shop"
    ) -> None:
        shop.answers = [500, 200]
        workers.environment["HTTP_ALLOWED_HOSTS"] = "127.0.0.1"
        flow = chain(
            CALL,
            node("ask", "ai.llm", model="demo/assistant", prompt="Say hello"),
            node("order", "http.request", method="POST", url=shop.url),
            node("done", "output.result", value="{{ input.status }}"),
        )
        workers.start()
        run_id = await start(principal, flow)
        assert (await ended(principal, run_id)).status == "failed"
        again = await fork(principal, run_id, resume=True, simulate=False)
        assert (await ended(principal, again)).output == 200
        assert sum(model.calls.values()) == 1

    async def test_an_unknown_node_is_refused(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        run_id = await start(principal, FLOW, {"word": "Hello"})
        await ended(principal, run_id)
        with pytest.raises(AppError) as refused:
            await fork(principal, run_id, from_node="nothing")
        assert refused.value.context["node"] == "nothing"


class Shop:
    """Takes orders slowly and counts them by idempotency key."""

    def __init__(self, url: str) -> None:
        self.url, self.answers, self.pause_s = url, [200], 0.0
        self.orders: Counter[str] = Counter()

    async def order(self, request: web.Request) -> web.Response:
        self.orders[request.headers["Idempotency-Key"]] += 1
        await asyncio.sleep(self.pause_s)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.json_response({"ok": True}, status=status)


@pytest_asyncio.fixture
async def shop() -> AsyncIterator[Shop]:
    port = free_port()
    made = Shop(f"http://127.0.0.1:{port}/orders")
    app = web.Application()
    app.router.add_post("/orders", made.order)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield made
    await runner.cleanup()


@pytest.mark.parametrize("decision", ["done", "retry", "failed"])
async def test_a_person_says_what_came_of_an_order_that_was_cut_off(
    principal: Principal, workers: Workers, shop: Shop, decision: str
) -> None:
    shop.pause_s = 30
    workers.environment["HTTP_ALLOWED_HOSTS"] = "127.0.0.1"
    order = node("order", "http.request", method="POST", url=shop.url)
    first = workers.start()
    flow = chain(CALL, order, node("done", "output.result", value="{{ input.status }}"))
    run_id = await start(principal, flow)
    await until(lambda: bool(shop.orders))
    workers.kill(first)
    shop.pause_s = 0
    workers.start()
    (item,) = await asked(principal, "unknown")
    assert sum(shop.orders.values()) == 1, "nobody sent it again"
    async with unit_of_work() as session:
        said = Outcome(decision=decision, output={"status": 201})  # type: ignore[arg-type]
        await inbox.say_outcome(session, principal, item.id, said)
    view = await ended(principal, run_id)
    if decision == "done":
        assert (view.output, sum(shop.orders.values())) == (201, 1)
    elif decision == "retry":
        assert (view.output, sum(shop.orders.values()), len(shop.orders)) == (200, 2, 1)
    else:
        assert view.error["code"] == "step.outcome_unknown"
        async with unit_of_work() as session:
            dead = await flow_runs.search(session, principal, dead=True)
        assert [each.id for each in dead.items] == [run_id]


async def test_runs_are_found_by_status_flow_and_words(principal: Principal, workers: Workers) -> None:
    flow_id = await store(
        principal, {**chain(CALL, node("done", "output.result", value=1)), "name": "Orders"}
    )
    workers.start()
    ids = []
    for word in ("apple", "pear", "50%"):
        async with unit_of_work() as session:
            body = StartRun(input={"word": word})
            ids.append(await flow_runs.queue_stored(session, principal, flow_id, body))
    for run_id in ids:
        await ended(principal, run_id)

    async def found(**how: Any) -> list[UUID]:
        async with unit_of_work() as session:
            return [each.id for each in (await flow_runs.search(session, principal, **how)).items]

    assert await found() == list(reversed(ids))
    assert await found(words="pear") == [ids[1]]
    assert await found(words="0%") == [ids[2]]
    assert await found(words="orders") == list(reversed(ids))
    assert await found(status="failed") == []
    assert await found(flow_id=flow_id, limit=2) == [ids[2], ids[1]]
    async with unit_of_work() as session:
        page = await flow_runs.search(session, principal, limit=2)
    assert await found(before=UUID(str(page.next))) == [ids[0]]
