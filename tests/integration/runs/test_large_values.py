"""Values of megabytes: stored once, whole for whoever reads them, small in rows and in Redis."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.redis import client
from app.realtime.publish import run_channel
from app.repositories.journal import load_events
from app.schemas.flow_runs import ChatRequest, Replay, StartRun
from app.services import flow_runs, flow_tests, run_replay
from tests.integration.runs.conftest import Workers, chain, node, say, store, until
from tests.integration.runs.test_runs import queue_stored, run

MEGABYTE = [{"n": number, "text": "ё" * 40} for number in range(10_000)]


def handing_on(steps: int = 10) -> dict[str, Any]:
    """A chain of steps that hand on what they were given, then its result."""
    steps_between = [
        node(f"s{number}", "logic.set", assign={"state.kept": "{{ input }}"})
        if number % 2
        else node(f"s{number}", "logic.set", output="{{ input }}")
        for number in range(steps)
    ]
    return chain(
        node("call", "trigger.call"),
        *steps_between,
        node("result", "output.result", value={"all": "{{ input.payload }}"}),
        state={"kept": {"type": "object", "scope": "run"}},
    )


async def sizes(run_id: UUID) -> tuple[int, int, int]:
    """How many values stand beside rows, and the largest event and run row, in bytes."""
    async with unit_of_work() as session:
        count = await session.scalar(text("SELECT count(*) FROM blob"))
        event = await session.scalar(text("SELECT max(length(event::text)) FROM flow_run_event"))
        row = await session.scalar(
            text("SELECT length(input::text) + length(output::text) FROM flow_run WHERE id = :id"),
            {"id": run_id},
        )
    return count or 0, event or 0, row or 0


async def longest_entry(run_id: UUID) -> int:
    entries = await client().xrange(run_channel(str(run_id)))
    return max(len(fields[b"e"]) for _, fields in entries)


async def test_a_value_that_ten_steps_hand_on_is_stored_once(principal: Principal, workers: Workers) -> None:
    workers.start()
    done = await run(principal, handing_on(), {"payload": MEGABYTE})
    assert (done.status, done.error) == ("succeeded", None)
    assert done.output == {"all": MEGABYTE}
    assert done.input == {"payload": MEGABYTE}
    count, event, row = await sizes(done.id)
    assert count == 1
    assert event < 5_000
    assert row < 500
    async with unit_of_work() as session:
        steps = {step.node: step for step in await flow_runs.steps(session, principal, done.id)}
        journal = await load_events(session, done.id)
    assert steps["s9"].output == steps["s4"].input == {"payload": MEGABYTE}
    assert next(event for event in journal if event.get("node") == "s3")["state"]["kept"] == {
        "payload": MEGABYTE
    }
    assert await longest_entry(done.id) < 200_000


async def test_a_killed_worker_s_large_values_are_taken_up_by_another(
    principal: Principal, workers: Workers
) -> None:
    document = chain(
        node("call", "trigger.call"),
        node("before", "logic.set", output={"kept": "{{ input.payload }}"}),
        node("ask", "ai.llm", model="demo/slow", prompt="hello"),
        node("result", "output.result", value="{{ nodes.before.kept }}"),
    )
    doomed = workers.start()
    run_id = await queue_stored(principal, await store(principal, document), {"payload": MEGABYTE})

    async def asked() -> bool:
        async with unit_of_work() as session:
            return any(event.get("node") == "before" for event in await load_events(session, run_id))

    await until(asked)
    workers.kill(doomed)
    workers.start()

    async def over() -> bool:
        return (await flow_runs.get(principal, run_id)).status == "succeeded"

    await until(over)
    assert (await flow_runs.get(principal, run_id)).output == MEGABYTE


async def test_forks_tests_and_called_flows_have_the_value_whole(
    principal: Principal, workers: Workers
) -> None:
    value = MEGABYTE[:600]  # what fits into a test in the file
    workers.start()
    called = await store(principal, handing_on(2))
    caller = chain(
        node("call", "trigger.call"),
        node("sub", "logic.subflow", flow=str(called), input="{{ input }}"),
        node("result", "output.result", value="{{ nodes.sub.all }}"),
    )
    flow_id = await store(principal, caller)
    done = await flow_runs.start(
        principal,
        lambda session: flow_runs.queue_stored(
            session, principal, flow_id, StartRun(input={"payload": value})
        ),
        wait=True,
    )
    assert (done.status, done.output) == ("succeeded", value)
    async with unit_of_work() as session:
        fork = await run_replay.replay(session, principal, done.id, Replay(from_node="result"))

    async def forked() -> bool:
        return (await flow_runs.get(principal, fork.id)).status == "succeeded"

    await until(forked)
    assert (await flow_runs.get(principal, fork.id)).output == value
    async with unit_of_work() as session:
        test = await flow_tests.make_from_run(session, principal, done.id, "", "en")
    assert test["expect"]["output"] == value
    report = await flow_tests.run_all(principal, flow_id)
    assert (report.passed, report.failed) == (1, 0)


async def test_another_workspace_s_value_is_another_row(
    principal: Principal, environment: dict[str, str]
) -> None:
    flow_id = await store(principal, handing_on())
    for _ in range(2):
        await queue_stored(principal, flow_id, {"payload": MEGABYTE})
    async with unit_of_work() as session:
        owners = (await session.scalars(text("SELECT workspace_id FROM blob"))).all()
    assert owners == [principal.workspace_id]


@pytest.mark.timeout(120)
async def test_a_step_that_gives_back_too_much_fails_where_it_is(
    principal: Principal, workers: Workers
) -> None:
    workers.start()
    times = 60
    document = chain(
        node("call", "trigger.call"),
        node("many", "logic.set", output=["{{ input.payload }}"] * times),
        node("result", "output.result", value="{{ input }}"),
    )
    done = await run(principal, document, {"payload": MEGABYTE})
    assert (done.status, done.error["code"], done.error["node"]) == (
        "failed",
        "step.output_too_large",
        "many",
    )


async def test_long_chat_messages_taken_in_together_stand_beside_too(
    principal: Principal, workers: Workers
) -> None:
    document = chain(
        node("message", "trigger.chat"),
        node("reply", "channel.send", text="{{ input.message }}"),
        kind="agent",
    )
    flow_id = await store(principal, document)
    long = "🙂" * 32_000
    said = await asyncio.gather(
        *[
            say(principal, ChatRequest(message=message, flow_id=flow_id), wait=False)
            for message in (long, "short", long, "x" + long[1:])
        ]
    )
    runs = [each.run_id for each in said if each.run_id]
    async with unit_of_work() as session:
        query = text("SELECT length(input::text) FROM flow_run WHERE id = :id")
        assert [await session.scalar(query, {"id": each}) < 200 for each in runs] == [True] * 4
        assert await session.scalar(text("SELECT count(*) FROM blob")) == 2
    workers.start()
    for run_id, message in zip(runs, (long, "short", long, "x" + long[1:]), strict=True):

        async def over(run_id: UUID = run_id) -> bool:
            return (await flow_runs.get(principal, run_id)).status == "succeeded"

        await until(over)
        view = await flow_runs.get(principal, run_id)
        assert view.input["message"] == view.messages[0]["text"] == message


@pytest.mark.parametrize(
    ("step", "code", "path"),
    [
        (
            node("ask", "human.approval", question="{{ input.payload }}"),
            "wait.data_too_large",
            "wait.data",
        ),
        (
            node("ask", "human.task", title="T", parameters="{{ input.payload }}", wait=False),
            "wait.data_too_large",
            "task",
        ),
    ],
)
async def test_what_people_are_asked_is_bounded(
    principal: Principal, workers: Workers, step: dict[str, Any], code: str, path: str
) -> None:
    workers.start()
    done = await run(principal, chain(node("call", "trigger.call"), step), {"payload": MEGABYTE})
    assert (done.status, done.error["code"], done.error["path"]) == ("failed", code, path)
    assert done.error["node"] == "ask"


async def test_what_a_conversation_remembers_is_bounded(principal: Principal, workers: Workers) -> None:
    workers.start()
    document = chain(
        node("message", "trigger.chat"),
        node(
            "keep", "logic.set", assign={"state.said": "{{ state.said }}{{ state.said }}{{ input.message }}"}
        ),
        node("reply", "channel.send", text="{{ state.said | size }}"),
        kind="agent",
        state={"said": {"type": "string", "default": "", "scope": "conversation"}},
    )
    flow_id = await store(principal, document)
    codes = []
    for _ in range(5):
        body = ChatRequest(message="x" * 20_000, flow_id=flow_id, session_id="s")
        said = await say(principal, body, wait=True)
        assert said.run_id is not None
        codes.append(((await flow_runs.get(principal, said.run_id)).error or {}).get("code"))
    assert codes == [None, None, None, "state.too_large_to_remember", "state.too_large_to_remember"]
