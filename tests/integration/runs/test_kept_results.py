"""Answers that later runs have from the cache: real workers, the database, a model server that counts."""

from typing import Any

from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.schemas.flow_runs import RunView, StartInline
from app.services import flow_runs
from tests.integration.runs.conftest import Model, Workers, chain, node
from tests.integration.runs.test_waits import CALL, ended
from workers import sweep


def asking(ttl_s: float = 60, prompt: str = "{{ input.q }}") -> dict[str, Any]:
    ask = {**node("ask", "ai.llm", model="demo/echo", prompt=prompt), "policy": {"cache": {"ttl_s": ttl_s}}}
    return chain(CALL, ask, node("done", "output.result", value="{{ nodes.ask.text }}"))


async def run(principal: Principal, flow: dict[str, Any], given: Any, **options: Any) -> RunView:
    body = StartInline(flow=flow, input=given, **options)

    async def queue(session: Any) -> Any:
        return await flow_runs.queue_inline(session, principal, body)

    return await ended(principal, (await flow_runs.start(principal, queue, wait=False)).id, 60)


async def step(principal: Principal, view: RunView) -> Any:
    async with unit_of_work() as session:
        return next(each for each in await flow_runs.steps(session, principal, view.id) if each.node == "ask")


async def kept() -> int:
    async with unit_of_work() as session:
        return int(await session.scalar(text("SELECT count(*) FROM kept_result")) or 0)


async def test_a_later_run_has_the_answer_for_nothing_until_its_time_is_over(
    principal: Principal, workers: Workers, model: Model
) -> None:
    workers.start()
    first = await run(principal, asking(), {"q": "Hello", "n": 1})
    second = await run(principal, asking(), {"q": "Hello", "n": 2})
    other = await run(principal, asking(), {"q": "Bye"})
    assert [each.output for each in (first, second, other)] == ["Hello", "Hello", "Bye"]
    assert (model.calls["Hello"], model.calls["Bye"]) == (1, 1)
    assert first.usage["prompt_tokens"] > 0
    assert second.usage["prompt_tokens"] == 0
    assert [(await step(principal, each)).cached for each in (first, second, other)] == [False, True, False]
    async with unit_of_work() as session:
        await session.execute(
            text("UPDATE kept_result SET expires_at = clock_timestamp() - interval '1 second'")
        )
    await run(principal, asking(), {"q": "Hello"})
    assert model.calls["Hello"] == 2, "what is over is asked again"


async def test_another_workspace_and_what_is_too_large_are_not_served(
    principal: Principal, workers: Workers, model: Model
) -> None:
    workers.start()
    large = "word " * 20_000
    for _ in range(2):
        await run(principal, asking(), {"q": large})
    assert model.calls[large] == 2
    assert await kept() == 0


async def test_a_simulation_leaves_nothing_behind(
    principal: Principal, workers: Workers, model: Model
) -> None:
    workers.start()
    await run(principal, asking(), {"q": "Hello"}, simulate=True)
    assert (model.calls["Hello"], await kept()) == (1, 0)


async def test_the_sweeper_forgets_what_is_over(principal: Principal, workers: Workers) -> None:
    process = workers.start()
    await run(principal, asking(), {"q": "Hello"})
    await run(principal, asking(ttl_s=3600), {"q": "Later"})
    assert await kept() == 2
    workers.kill(process)
    async with unit_of_work() as session:
        await session.execute(
            text(
                "UPDATE kept_result SET expires_at = clock_timestamp() WHERE expires_at < clock_timestamp() + interval '2 minutes'"
            )
        )
    await sweep.prune_once()
    assert await kept() == 1
