"""A simulated run reads, changes nothing outside, and says what it would have done."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest_asyncio
from aiohttp import web

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.embedded.data_dir import free_port
from app.schemas.flow_runs import RunView, StartInline
from app.services import flow_runs
from tests.integration.runs.conftest import Workers, chain, node


@pytest_asyncio.fixture
async def asked(workers: Workers) -> AsyncIterator[tuple[str, list[str]]]:
    """A server on this machine that workers may call, and the calls it got."""
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.method)
        return web.json_response({"answer": 42})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    workers.environment["HTTP_ALLOWED_HOSTS"] = f"127.0.0.1:{port}"
    yield f"http://127.0.0.1:{port}", calls
    await runner.cleanup()


async def run(principal: Principal, document: dict[str, Any], simulate: bool) -> RunView:
    body = StartInline(flow=document, input={}, simulate=simulate)

    async def queue(session: Any) -> UUID:
        return await flow_runs.queue_inline(session, principal, body)

    return await flow_runs.start(principal, partial(queue), wait=True)


def calls_of(url: str) -> dict[str, Any]:
    return chain(
        node("call", "trigger.call"),
        node("look", "http.request", method="GET", url=f"{url}/state"),
        node(
            "change",
            "http.request",
            method="POST",
            url=f"{url}/change",
            json={"price": "{{ nodes.look.json.answer }}"},
        ),
        node("say", "channel.send", text="The price is {{ nodes.change.json.price }}"),
    )


async def test_a_simulated_run_has_no_effect_and_says_which_it_would_have(
    principal: Principal, workers: Workers, asked: tuple[str, list[str]]
) -> None:
    url, calls = asked
    workers.start()
    done = await run(principal, calls_of(url), simulate=True)
    assert (done.status, done.error, done.simulate) == ("succeeded", None, True)
    assert calls == ["GET"]
    async with unit_of_work() as session:
        steps = {step.node: step for step in await flow_runs.steps(session, principal, done.id)}
    [change] = steps["change"].effects
    assert (change["method"], change["url"], change["body"]) == ("POST", f"{url}/change", {"price": 42})
    [say] = steps["say"].effects
    assert say["text"] == "The price is 42"
    assert steps["look"].effects == []


async def test_the_same_run_for_real_has_its_effects(
    principal: Principal, workers: Workers, asked: tuple[str, list[str]]
) -> None:
    url, calls = asked
    workers.start()
    document = calls_of(url)
    document["nodes"][-1]["params"]["text"] = "Done"
    done = await run(principal, document, simulate=False)
    assert (done.status, done.error) == ("succeeded", None)
    assert calls == ["GET", "POST"]
    async with unit_of_work() as session:
        assert all(not step.effects for step in await flow_runs.steps(session, principal, done.id))
