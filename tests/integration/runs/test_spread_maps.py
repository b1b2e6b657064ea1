"""Maps that spread over workers: what comes out, what the world sees and what a crash means are as without."""

import asyncio
import itertools
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.settings import get_settings
from app.embedded.data_dir import free_port
from app.errors import AppError
from app.flows.plan import compile
from app.schemas.flow_runs import Replay, RunView
from app.services import flow_runs, run_replay, snapshots
from tests.integration.runs.conftest import Model, Workers, node, store, until
from tests.integration.runs.test_runs import queue_stored
from workers.run_flow import Runner
from workers.wiring import Wiring

COUNT = 130
ITEMS = [{"n": number, "text": "x"} for number in range(COUNT)]
LACKING = [{"n": number} if number in (7, 60, 129) else ITEMS[number] for number in range(COUNT)]


def mapped(*body: dict[str, Any], **params: Any) -> dict[str, Any]:
    """A map over the input's items whose body is a chain, and its result."""
    names = [each["id"] for each in body]
    edges = [("call", "out", "each"), ("each", "done", "result"), ("each", "item", names[0])]
    edges += [(first, "out", second) for first, second in itertools.pairwise(names)]
    return {
        "schema": "flow/1",
        "kind": "task",
        "name": "Test",
        "nodes": [
            node("call", "trigger.call"),
            node("each", "logic.map", items="{{ input.items }}", **params),
            *[{**each, "parent": "each"} for each in body],
            node("result", "output.result", value="{{ nodes.each }}"),
        ],
        "edges": [
            {"id": f"e{number}", "source": source, "source_port": port, "target": target}
            for number, (source, port, target) in enumerate(edges)
        ],
    }


SET = node("made", "logic.set", output="{{ item.n }}{{ item.text }} of {{ trigger.items.size }}")


@pytest_asyncio.fixture
async def runner(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Runner]:
    """A driver of this process."""
    monkeypatch.setenv("HTTP_ALLOWED_HOSTS", "127.0.0.1")
    get_settings.cache_clear()
    settings = get_settings()
    wiring = Wiring(settings)
    made = Runner(settings.worker, wiring)
    yield made
    await made.sink.flush()
    await wiring.close()


async def queued() -> list[UUID]:
    async with unit_of_work() as session:
        return list(
            await session.scalars(text("SELECT id FROM flow_run WHERE status = 'queued' ORDER BY id"))
        )


async def drive_all(runner: Runner) -> None:
    """Drive whatever is queued, until everything has ended or waits for somebody."""
    for _ in range(200):
        if not (waiting := await queued()):
            return
        await asyncio.gather(*[runner.drive(str(run_id)) for run_id in waiting])
    pytest.fail("a run stays queued")


async def run(runner: Runner, principal: Principal, document: dict[str, Any], items: list[Any]) -> RunView:
    run_id = await queue_stored(principal, await store(principal, document), {"items": items})
    await drive_all(runner)
    return await flow_runs.get(principal, run_id)


async def parts(run_id: UUID) -> list[str]:
    async with unit_of_work() as session:
        query = text("SELECT status FROM flow_run WHERE parent_run_id = :id AND source = 'part'")
        return list(await session.scalars(query, {"id": run_id}))


def error(view: RunView) -> Any:
    """Without its place: parts go at once, and the first that fails stops the map, whichever it is."""
    return {name: value for name, value in (view.error or {}).items() if name != "place"}


@pytest.mark.parametrize("on_item_error", ["stop", "skip", "collect"])
@pytest.mark.parametrize("items", [ITEMS, LACKING], ids=["all-good", "some-bad"])
async def test_what_comes_out_is_the_same(
    principal: Principal, runner: Runner, on_item_error: str, items: list[Any]
) -> None:
    alone = await run(runner, principal, mapped(SET, on_item_error=on_item_error), items)
    spread = await run(runner, principal, mapped(SET, on_item_error=on_item_error, spread=True), items)
    assert (spread.status, spread.output, error(spread)) == (alone.status, alone.output, error(alone))
    assert len(await parts(spread.id)) == 3
    assert await parts(alone.id) == []


async def test_the_world_sees_the_keys_of_one_run(principal: Principal, runner: Runner) -> None:
    keys: Counter[str] = Counter()

    async def heard(request: web.Request) -> web.Response:
        keys[request.headers["Idempotency-Key"]] += 1
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/", heard)
    served = web.AppRunner(application)
    await served.setup()
    port = free_port()
    await web.TCPSite(served, "127.0.0.1", port).start()
    call = node(
        "post", "http.request", method="POST", url=f"http://127.0.0.1:{port}/", json={"n": "{{ item.n }}"}
    )
    done = await run(runner, principal, mapped(call, spread=True, max_parallel=20), ITEMS)
    await served.cleanup()
    assert done.status == "succeeded"
    assert keys == {f"{done.id}:post:each[{number}]:1": 1 for number in range(COUNT)}


async def test_a_called_flow_works_as_ever(principal: Principal, runner: Runner) -> None:
    inner = await store(
        principal,
        {
            **mapped(node("echo", "logic.set", output="{{ item }}")),
            "edges": [{"id": "a", "source": "call", "target": "result"}],
            "nodes": [node("call", "trigger.call"), node("result", "output.result", value="{{ input.n }}")],
        },
    )
    body = node("sub", "logic.subflow", flow=str(inner), input={"n": "{{ item.n }}"})
    done = await run(runner, principal, mapped(body, spread=True), ITEMS[:60])
    assert done.output["results"] == list(range(60))
    assert sorted(await parts(done.id)) == ["succeeded"] * 2


async def test_cancelling_reaches_the_parts(principal: Principal, runner: Runner) -> None:
    document = mapped(node("wait", "time.wait", for_s=600), spread=True)
    run_id = await queue_stored(principal, await store(principal, document), {"items": ITEMS})
    await drive_all(runner)
    assert set(await parts(run_id)) == {"waiting"}
    async with unit_of_work() as session:
        await flow_runs.cancel(session, principal, run_id)
    await drive_all(runner)
    assert (await flow_runs.get(principal, run_id)).status == "cancelled"
    assert set(await parts(run_id)) == {"cancelled"}


async def test_parts_end_with_the_run_that_needs_them(principal: Principal, runner: Runner) -> None:
    """A sibling of the map fails the run while its parts wait."""
    document = mapped(node("wait", "time.wait", for_s=600), spread=True)
    document["nodes"] += [
        node("ask", "human.approval", question="?", assignees=["ann"]),
        node("stop", "logic.stop", outcome="failed", message="no"),
    ]
    document["edges"] += [
        {"id": "x", "source": "call", "target": "ask"},
        {"id": "y", "source": "ask", "source_port": "approved", "target": "stop"},
    ]
    run_id = await queue_stored(principal, await store(principal, document), {"items": ITEMS})
    await drive_all(runner)
    async with unit_of_work() as session:
        await session.execute(
            text(
                "INSERT INTO flow_signal (id, created_at, run_id, node, path, value) VALUES"
                """ (gen_random_uuid(), now(), :id, 'ask', '', '{"kind": "answer", "decision": "approved"}')"""
            ),
            {"id": run_id},
        )
        await session.execute(text("UPDATE flow_run SET status = 'queued' WHERE id = :id"), {"id": run_id})
    await drive_all(runner)
    assert (await flow_runs.get(principal, run_id)).error["code"] == "run.stopped"
    assert set(await parts(run_id)) == {"cancelled"}


async def test_a_part_is_not_replayed_by_itself(principal: Principal, runner: Runner) -> None:
    done = await run(runner, principal, mapped(SET, spread=True), ITEMS)
    async with unit_of_work() as session:
        part = await session.scalar(text("SELECT id FROM flow_run WHERE source = 'part' LIMIT 1"))
    with pytest.raises(AppError) as refused:
        async with unit_of_work() as session:
            await run_replay.replay(session, principal, part, Replay())
    assert refused.value.error_code == "replay.only_a_part"
    async with unit_of_work() as session:
        fork = await run_replay.replay(session, principal, done.id, Replay(from_node="made"))
    await drive_all(runner)
    assert (await flow_runs.get(principal, fork.id)).output == done.output
    assert await parts(fork.id) == []  # people look at the steps of a simulation


@pytest.mark.timeout(300)
async def test_a_killed_worker_s_parts_are_done_by_the_others(
    principal: Principal, workers: Workers, model: Model
) -> None:
    doomed, _ = workers.start(), workers.start()
    ask = node("ask", "ai.llm", model="demo/echo", prompt="number {{ item.n }}")
    document = mapped(ask, spread=True, max_parallel=12)
    run_id = await queue_stored(principal, await store(principal, document), {"items": ITEMS})

    async def recorded() -> list[str]:
        query = text("SELECT event->>'path' FROM flow_run_event WHERE event->>'node' = 'ask'")
        async with unit_of_work() as session:
            return list(await session.scalars(query))

    async def some_are() -> bool:
        return len(await recorded()) > 20

    await until(some_are, 60)
    workers.kill(doomed)
    recorded_then = [f"number {path.removeprefix('each[').removesuffix(']')}" for path in await recorded()]
    bought_then = {question: model.calls[question] for question in recorded_then}

    async def over() -> bool:
        return (await flow_runs.get(principal, run_id)).ended_at is not None

    await until(over, 120, 0.2)
    done = await flow_runs.get(principal, run_id)
    assert [each["text"] for each in done.output["results"]] == [
        f"number {number}" for number in range(COUNT)
    ]
    assert {question: model.calls[question] for question in recorded_then} == bought_then
    assert set(model.calls) == {f"number {number}" for number in range(COUNT)}


async def test_the_lowest_of_the_items_that_failed_stops_the_map(
    principal: Principal, runner: Runner
) -> None:
    """Also when the part of a higher one ended first."""
    run_id = await queue_stored(
        principal, await store(principal, mapped(SET, spread=True)), {"items": LACKING}
    )
    await runner.drive(str(run_id))
    for part in reversed(await queued()):  # none of them is known to the map before all have ended
        await runner.drive(str(part))
    async with unit_of_work() as session:
        order = text("SELECT error->>'place' FROM flow_run WHERE source = 'part' ORDER BY ended_at")
        ended = list(await session.scalars(order))
    assert ended[0] != "each[7]"
    await drive_all(runner)
    view = await flow_runs.get(principal, run_id)
    assert (view.status, view.error["node"], view.error["place"]) == ("failed", "made", "each[7]")


class TestStepBudget:
    """What a run may take in steps holds for all parts of its maps together."""

    @pytest.fixture
    def budget(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
        def allow(steps: int) -> None:
            monkeypatch.setitem(compile.__kwdefaults__, "step_budget", steps)

        monkeypatch.setattr(snapshots, "_known", OrderedDict())
        return allow

    @pytest.mark.parametrize("on_error", ["fail", "port"])
    async def test_it_ends_a_run_whose_parts_took_too_many(
        self, principal: Principal, runner: Runner, budget: Callable[[int], None], on_error: str
    ) -> None:
        budget(COUNT)  # enough for each part, not for all
        document = mapped(SET, spread=True)
        document["nodes"][1]["policy"] = {"on_error": on_error}
        done = await run(runner, principal, document, ITEMS)
        assert (done.status, done.error["code"], done.error["kind"]) == (
            "failed",
            "run.step_budget",
            "budget",
        )
        assert done.error["context"]["limit"] == COUNT

    async def test_a_part_that_begins_later_has_what_the_others_left(
        self, principal: Principal, runner: Runner, budget: Callable[[int], None]
    ) -> None:
        budget(60)
        run_id = await queue_stored(
            principal, await store(principal, mapped(SET, spread=True)), {"items": ITEMS}
        )
        await runner.drive(str(run_id))
        for part in await queued():
            await runner.drive(str(part))
        async with unit_of_work() as session:
            query = text("SELECT CAST(usage->>'steps' AS int) FROM flow_run WHERE source = 'part'")
            steps = list(await session.scalars(query))
        assert sum(steps) <= 60
        await drive_all(runner)
        assert (await flow_runs.get(principal, run_id)).error["code"] == "run.step_budget"

    async def test_it_is_enough_where_it_is_for_one_run(
        self, principal: Principal, runner: Runner, budget: Callable[[int], None]
    ) -> None:
        budget(COUNT + 3)
        for spread in (False, True):
            done = await run(runner, principal, mapped(SET, spread=spread), ITEMS)
            assert (done.status, done.error) == ("succeeded", None)


async def test_what_parts_spent_is_known_of_a_map_that_failed(
    principal: Principal, runner: Runner, model: Model
) -> None:
    ask = node("ask", "ai.llm", model="demo/echo", prompt="{{ item.n }}")
    used = {}
    for spread in (False, True):
        done = await run(runner, principal, mapped(ask, SET, spread=spread, max_parallel=1), LACKING[:60])
        assert done.status == "failed"
        used[spread] = done.usage["prompt_tokens"]
    assert used[True] >= used[False] > 0
