"""A run from the queue to its answer, on a real worker."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.flows import codec
from app.models import Flow, FlowVersion
from app.schemas.flow_runs import ChatRequest, RunView, StartInline, StartRun
from app.services import chat, flow_runs
from tests.integration.runs.conftest import Model, Workers, chain, node, say, store, until

ASK = chain(
    node("call", "trigger.call"),
    node("ask", "ai.llm", model="demo/echo", prompt="{{ input.question }}"),
    node("result", "output.result", value="{{ nodes.ask.text }}"),
)
TALK = chain(
    node("message", "trigger.chat"),
    node("ask", "ai.llm", model="demo/slow", prompt="{{ input.message }}"),
    node("reply", "channel.send", text="You said: {{ input.text }}"),
    kind="agent",
)


async def run(principal: Principal, document: dict[str, Any], run_input: Any, **options: Any) -> RunView:
    body = StartInline(flow=document, input=run_input, **options)
    return await flow_runs.start(principal, partial(_inline, principal=principal, body=body), wait=True)


async def _inline(session: Any, *, principal: Principal, body: StartInline) -> UUID:
    return await flow_runs.queue_inline(session, principal, body)


async def queue_stored(principal: Principal, flow_id: UUID, run_input: Any) -> UUID:
    async with unit_of_work() as session:
        return await flow_runs.queue_stored(session, principal, flow_id, StartRun(input=run_input))


async def test_a_document_that_was_never_stored_runs(principal: Principal, workers: Workers) -> None:
    workers.start()
    done = await run(principal, ASK, {"question": "What time is it?"})
    assert (done.status, done.output, done.error) == ("succeeded", "What time is it?", None)
    assert done.usage["prompt_tokens"] > 0
    async with unit_of_work() as session:
        steps = await flow_runs.steps(session, principal, done.id)
    assert [(step.node, step.status) for step in steps] == [
        ("call", "succeeded"),
        ("ask", "succeeded"),
        ("result", "succeeded"),
    ]
    assert steps[1].input == {"question": "What time is it?"}
    assert steps[1].output["text"] == "What time is it?"


async def test_a_failed_step_ends_the_run_with_its_place(principal: Principal, workers: Workers) -> None:
    workers.start()
    document = chain(
        node("call", "trigger.call"), node("ask", "ai.llm", model="demo/error-401", prompt="hello")
    )
    done = await run(principal, document, {})
    assert done.status == "failed"
    assert (done.error["node"], done.error["kind"]) == ("ask", "auth")


async def test_input_that_does_not_fit_changes_nothing(principal: Principal) -> None:
    inputs = {"type": "object", "properties": {"question": {"type": "string"}}, "required": ["question"]}
    flow_id = await store(principal, {**ASK, "inputs": inputs})
    with pytest.raises(AppError) as refused:
        await queue_stored(principal, flow_id, {"question": 7})
    assert refused.value.error_code == "run.input_refused"
    assert refused.value.context["path"] == "input.question"
    async with unit_of_work() as session:
        assert await flow_runs.latest(session, principal, flow_id) == []


async def test_a_flow_with_problems_is_refused_with_all_of_them(principal: Principal) -> None:
    document = chain(node("call", "trigger.call"), node("ask", "ai.llm", model="demo/echo"))
    flow_id = await store(principal, document)
    with pytest.raises(AppError) as refused:
        await queue_stored(principal, flow_id, {})
    assert refused.value.error_code == "flow.has_problems"
    assert [problem["node"] for problem in refused.value.context["problems"]] == ["ask"]


async def test_another_workspace_sees_nothing(principal: Principal, environment: dict[str, str]) -> None:
    flow_id = await store(principal, ASK)
    run_id = await queue_stored(principal, flow_id, {"question": "?"})
    stranger = Principal(
        **{
            name: getattr(principal, name)
            for name in ("user_id", "role", "scopes", "name", "email", "locale")
        },
        workspace_id=type(principal.workspace_id)(int=1),
        via="token",
    )
    for attempt in (
        flow_runs.get(stranger, run_id),
        queue_stored(stranger, flow_id, {}),
        anext(flow_runs.follow(stranger, run_id)),
    ):
        with pytest.raises(AppError) as refused:
            await attempt
        assert refused.value.status == 404


async def test_a_reader_that_comes_back_misses_nothing(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, TALK)
    workers.start()
    body = ChatRequest(message="Hello there", flow_id=flow_id, stream=True)
    run_id = (await say(principal, body, wait=False)).run_id
    seen = [event async for event in flow_runs.follow(principal, run_id)]
    numbered = [event for event in seen if event["seq"]]
    assert [event["seq"] for event in numbered] == list(range(1, len(numbered) + 1))
    assert numbered[-1]["type"] == "run.succeeded"
    text = "".join(event["data"]["text"] for event in seen if event["type"] == "step.delta")
    assert text == "Hello there"
    for after in range(len(numbered)):
        again = [event async for event in flow_runs.follow(principal, run_id, after)]
        assert [event for event in again if event["seq"]] == numbered[after:]


async def test_redis_may_forget_everything(principal: Principal, workers: Workers, valkey: Any) -> None:
    """Also the numbers are the same when the events come from the journal."""
    flow_id = await store(principal, TALK)
    workers.start()
    run_id = (await say(principal, ChatRequest(message="Hi", flow_id=flow_id), wait=True)).run_id
    live = [event async for event in flow_runs.follow(principal, run_id)]
    valkey.flush()
    rebuilt = [event async for event in flow_runs.follow(principal, run_id)]
    assert [(event["seq"], event["type"], event.get("node")) for event in rebuilt] == [
        (event["seq"], event["type"], event.get("node")) for event in live if event["seq"]
    ]


async def test_a_conversation_answers_one_after_another(principal: Principal, workers: Workers) -> None:
    counting = {
        **chain(
            node("message", "trigger.chat"),
            node("count", "logic.set", assign={"state.times": {"plus": 1}}),
            node("ask", "ai.llm", model="demo/slow", prompt="{{ trigger.message }}"),
            node("reply", "channel.send", text="{{ state.times }}: {{ nodes.ask.text }}"),
            kind="agent",
        ),
        "state": {"times": {"type": "number", "default": 0, "scope": "conversation"}},
    }
    flow_id = await store(principal, counting)
    workers.start()
    first, session_id, *_ = await say(principal, ChatRequest(message="a", flow_id=flow_id), wait=False)
    others = [
        await say(principal, ChatRequest(message=text, flow_id=flow_id, session_id=session_id), wait=False)
        for text in "bc"
    ]
    for run_id in (first, *(said.run_id for said in others)):
        await until(partial(_ended, principal, run_id))
    async with unit_of_work() as session:
        said = await chat.history(session, principal, session_id)
    assert [message.text for message in said if message.role == "assistant"] == ["1: a", "2: b", "3: c"]
    assert [message.text for message in said if message.role == "user"] == ["a", "b", "c"]


async def _ended(principal: Principal, run_id: UUID) -> bool:
    return (await flow_runs.get(principal, run_id)).ended_at is not None


async def test_a_run_stops_within_a_second(principal: Principal, workers: Workers, model: Model) -> None:
    flow_id = await store(
        principal,
        chain(node("call", "trigger.call"), node("ask", "ai.llm", model="demo/hang", prompt="wait")),
    )
    workers.start()
    run_id = await queue_stored(principal, flow_id, {})
    await until(lambda: model.calls["wait"] == 1)
    began = asyncio.get_running_loop().time()
    async with unit_of_work() as session:
        await flow_runs.cancel(session, principal, run_id)
    await until(partial(_ended, principal, run_id))
    assert asyncio.get_running_loop().time() - began < 1.5
    assert (await flow_runs.get(principal, run_id)).status == "cancelled"
    with pytest.raises(AppError) as refused:
        async with unit_of_work() as session:
            await flow_runs.cancel(session, principal, run_id)
    assert refused.value.status == 409


async def test_a_run_nobody_took_can_be_cancelled(principal: Principal, workers: Workers) -> None:
    run_id = await queue_stored(principal, await store(principal, ASK), {"question": "?"})
    async with unit_of_work() as session:
        await flow_runs.cancel(session, principal, run_id)
    workers.start()
    await until(partial(_ended, principal, run_id))
    assert (await flow_runs.get(principal, run_id)).status == "cancelled"


async def test_a_flow_calls_a_flow(principal: Principal, workers: Workers) -> None:
    called = await store(principal, ASK, publish=True)
    caller = chain(
        node("call", "trigger.call"),
        node("sub", "logic.subflow", flow=str(called), input={"question": "{{ input.about }}?"}),
        node("result", "output.result", value="{{ input }}"),
    )
    workers.start()
    done = await run(principal, caller, {"about": "Why"})
    assert (done.status, done.output) == ("succeeded", "Why?")


async def test_a_flow_that_calls_itself_stops_at_the_limit(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, ASK, publish=True)
    endless = chain(node("call", "trigger.call"), node("sub", "logic.subflow", flow=str(flow_id), input={}))
    async with unit_of_work() as session:
        await replace(session, flow_id, endless)
    workers.start()
    run_id = await queue_stored(principal, flow_id, {})
    await until(partial(_ended, principal, run_id), 40)
    done = await flow_runs.get(principal, run_id)
    assert (done.status, done.error["code"]) == ("failed", "subflow.failed")


async def replace(session: Any, flow_id: UUID, document: dict[str, Any]) -> None:
    """Put another document in the place of a flow and of its version 1."""
    flow = codec.parse(document)
    for row in (await session.get(Flow, flow_id), await _version(session, FlowVersion, flow_id)):
        row.document, row.semantic_hash = codec.dump(flow), codec.semantic_hash(flow)


async def _version(session: Any, model: Any, flow_id: UUID) -> Any:
    return await session.scalar(select(model).where(model.flow_id == flow_id))


async def test_a_called_flow_that_fails_leaves_by_the_error_port(
    principal: Principal, workers: Workers
) -> None:
    broken = chain(node("call", "trigger.call"), node("ask", "ai.llm", model="demo/error-401", prompt="x"))
    called = await store(principal, broken, publish=True)
    caller = chain(
        node("call", "trigger.call"),
        {**node("sub", "logic.subflow", flow=str(called), input={}), "policy": {"on_error": "port"}},
        node("result", "output.result", value="{{ input.code }}"),
    )
    caller["edges"][1]["source_port"] = "error"
    workers.start()
    done = await run(principal, caller, {})
    assert (done.status, done.output) == ("succeeded", "subflow.failed")
