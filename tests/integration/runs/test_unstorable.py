"""What no journal can hold: refused at the door, or the end of one run, and never anybody else's trouble."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.flows.drive import Fenced
from app.flows.ports import Unstorable
from app.repositories import leases
from app.repositories.appends import Append
from app.repositories.journal import JournalWriter, load_events
from app.schemas.flow_runs import ChatRequest, Replay
from app.schemas.inbox import Decision
from app.services import chat, conversations, flow_runs, inbox, run_replay
from tests.integration.runs.conftest import Workers, chain, node, say, store, until
from tests.integration.runs.test_api import api as api
from tests.integration.runs.test_api import imported
from tests.integration.runs.test_runs import queue_stored, run
from tests.unit.interpreter.world import done, started

BODIES = {
    "value.number_too_large": ('{"input": {"a": [1000000000000000000000000000000]}, "wait": true}', "input.a[0]"),
    "value.not_finite": ('{"input": {"a": [NaN]}, "wait": true}', "input.a[0]"),
    "value.null_character": ('{"input": {"a": "x\\u0000"}, "wait": true}', "input.a"),
    "value.lone_surrogate": ('{"input": {"a": "\\ud83d"}, "wait": true}', "input.a"),
    "value.too_deep": ('{"input": ' + "[" * 300 + "]" * 300 + "}", "input[0]"),
}  # fmt: skip
ECHO = chain(
    node("call", "trigger.call"),
    node("same", "logic.set", output="{{ input }}"),
    node("result", "output.result", value="{{ input }}"),
)
TALK = chain(node("message", "trigger.chat"), node("reply", "channel.send", text="You said: {{ input.message }}"), kind="agent")  # fmt: skip


class TestAtTheDoor:
    @pytest.mark.parametrize("code", BODIES)
    async def test_a_run_is_refused_with_the_place(self, api: httpx.AsyncClient, code: str) -> None:
        content, path = BODIES[code]
        flow_id = await imported(api, ECHO)
        for address in (f"/api/flows/{flow_id}/runs", f"/api/hooks/{await _hook(api)}/in"):
            refused = await api.post(address, content=content, headers={"content-type": "application/json"})
            problem = refused.json()
            assert (refused.status_code, problem["code"]) == (422, code), problem
            place = path if "hooks" not in address else path.replace("input", "input.body.input", 1)
            assert problem["context"]["path"].startswith(place)
            assert place in problem["detail"]
        assert (await api.get(f"/api/flows/{flow_id}/runs")).json() == []

    async def test_a_body_nested_without_end(self, api: httpx.AsyncClient) -> None:
        address, content = f"/api/hooks/{await _hook(api)}/in", "[" * 200_000
        refused = await api.post(address, content=content, headers={"content-type": "application/json"})
        assert (refused.status_code, refused.json()["code"]) == (422, "value.too_deep")

    async def test_one_of_many_chat_messages(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        flow_id = await store(principal, TALK)
        bad = {"message": "a\0b"}, {"message": "a", "session_id": "s\0"}
        asked = [
            ChatRequest(**{"message": f"m{number}", **(bad[number // 10 % 2] if number % 10 == 3 else {})}, flow_id=flow_id)
            for number in range(20)
        ]  # fmt: skip
        said = await asyncio.gather(
            *[say(principal, each, wait=True) for each in asked], return_exceptions=True
        )
        refused = {number: each for number, each in enumerate(said) if isinstance(each, BaseException)}
        assert set(refused) == {3, 13}
        for number, place in ((3, "body.message"), (13, "body.session_id")):
            error = refused[number]
            assert isinstance(error, AppError)
            assert (error.status, error.error_code) == (422, "value.null_character")
            assert error.context["path"] == place
        for each in said:
            if isinstance(each, chat.Said):
                assert each.run_id is not None
                assert (await flow_runs.get(principal, each.run_id)).status == "succeeded"

    async def test_what_people_say_to_runs_that_wait(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        document = chain(
            node("call", "trigger.call"),
            node("ask", "human.approval", question="Yes?", allow_self=True),
            node("result", "output.result", value="{{ input.form }}"),
        )
        document["edges"][1]["source_port"] = "approved"
        waiting = await run(principal, document, {})
        assert waiting.status == "waiting"
        async with unit_of_work() as session:
            [item] = await inbox.of_run(session, principal, waiting.id)
        for said, place in (
            (Decision(decision="approved", form={"n": 2**70}), "body.form.n"),
            (Decision(decision="approved", note="\0"), "body.note"),
        ):
            with pytest.raises(AppError) as refused:
                async with unit_of_work() as session:
                    await inbox.decide(session, principal, item.id, said)
            assert (refused.value.status, refused.value.context["path"]) == (422, place)
        with pytest.raises(AppError) as refused:
            async with unit_of_work() as session:
                await inbox.deliver(session, principal, "webhook", {"x": [float("inf")]})
        assert refused.value.context["path"] == "body.event.x[0]"
        with pytest.raises(AppError) as refused:
            async with unit_of_work() as session:
                await flow_runs.reply(session, principal, waiting.id, "\0")
        assert refused.value.context["path"] == "body.text"
        async with unit_of_work() as session:
            await inbox.decide(session, principal, item.id, Decision(decision="approved", form={"n": 1}))

        async def over() -> bool:
            return (await flow_runs.get(principal, waiting.id)).status == "succeeded"

        await until(over)
        with pytest.raises(AppError) as refused:
            async with unit_of_work() as session:
                await run_replay.replay(
                    session, principal, waiting.id, Replay(from_node="result", outputs={"ask": [2**70]})
                )
        assert refused.value.context["path"] == "body.outputs.ask[0]"

    async def test_a_person_who_speaks_for_the_flow(self, principal: Principal, workers: Workers) -> None:
        flow_id = await store(principal, TALK)
        await say(principal, ChatRequest(message="m", flow_id=flow_id), wait=False)
        async with unit_of_work() as session:
            [view] = await chat.conversations(session, principal, flow_id)
            await conversations.take_over(session, principal, view.id)
        with pytest.raises(AppError) as refused:
            async with unit_of_work() as session:
                await conversations.say_as_person(session, principal, view.id, "\ud800")
        assert (refused.value.status, refused.value.context["path"]) == (422, "body.text")


async def _hook(api: httpx.AsyncClient) -> str:
    document = chain(node("hook", "trigger.webhook", path="in"), kind="rule")
    return await imported(api, document)


async def test_a_step_among_many_runs_fails_alone(principal: Principal, workers: Workers) -> None:
    """A sum beyond 64 bits, in runs that append together."""
    workers.start()
    add = node("same", "logic.set", assign={"state.n": {"plus": "{{ input.n }}"}}, output="{{ state.n }}")
    add["policy"] = {"on_error": "port"}
    document = chain(node("call", "trigger.call"), add, node("result", "output.result", value="{{ input }}"))  # fmt: skip
    document["state"] = {"n": {"type": "integer", "default": 2**63, "scope": "run"}}
    document["edges"].append({"id": "e", "source": "same", "source_port": "error", "target": "result"})
    flow_id = await store(principal, document)
    numbers = [2**63 if number % 5 == 0 else number for number in range(25)]
    runs = await asyncio.gather(*[queue_stored(principal, flow_id, {"n": number}) for number in numbers])
    for number, run_id in zip(numbers, runs, strict=True):
        view = await ended(principal, run_id)
        assert view.status == "succeeded"
        if number == 2**63:
            found = view.output["code"], view.output["node"], view.output["path"]
            assert found == ("value.number_too_large", "same", "output")
        else:
            assert view.output == 2**63 + number


async def test_a_run_that_was_stored_with_such_an_input_ends_and_the_others_go_on(
    principal: Principal, workers: Workers
) -> None:
    flow_id = await store(principal, ECHO)
    runs = [await queue_stored(principal, flow_id, {"n": number}) for number in range(10)]
    values = {"id": runs[4], "input": '{"n": ["\\u0000"]}'}
    async with unit_of_work() as session:
        await session.execute(text("UPDATE flow_run SET input = CAST(:input AS json) WHERE id = :id"), values)
    workers.start()
    for number, run_id in enumerate(runs):
        view = await ended(principal, run_id)
        if number == 4:
            found = view.status, view.error["code"], view.error["path"], view.error["attempts"]
            assert found == ("failed", "value.null_character", "input.n[0]", 1)
            assert "input.n[0]" in view.error["message"]
            async with unit_of_work() as session:
                steps = await flow_runs.steps(session, principal, run_id)
            assert [step.status for step in steps] != ["succeeded"]
        else:
            assert (view.status, view.output) == ("succeeded", {"n": number})


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (2**70, "value.number_too_large"),
        ("a\0", "value.null_character"),
        ("\ud800", "value.lone_surrogate"),
        ({1, 2}, "value.not_json"),
    ],
)
async def test_a_batch_of_appends_is_harmed_by_none_of_them(
    principal: Principal, environment: dict[str, str], value: Any, code: str
) -> None:
    """Whatever the interpreter let through."""
    flow_id = await store(principal, ECHO)
    runs = [await queue_stored(principal, flow_id, {}) for _ in range(6)]
    owners = {run_id: f"owner-{run_id}" for run_id in runs}
    await leases.claim(list(owners.items()), 60, 100)
    writer = JournalWriter()

    def append(number: int, run_id: UUID) -> Append:
        events = [started("call"), done("call"), done("same", output={"n": value if number == 2 else number})]
        owner = "another" if number == 4 else owners[run_id]
        return Append(run_id=run_id, owner=owner, before=0, events=events)

    answers = await asyncio.gather(
        *[writer.append(append(number, run_id)) for number, run_id in enumerate(runs)],
        return_exceptions=True,
    )
    refused = answers[2]
    assert isinstance(refused, Unstorable)
    assert (refused.code, refused.node, refused.path) == (code, "same", "output.n")
    assert isinstance(answers[4], Fenced)
    for number, run_id in enumerate(runs):
        async with unit_of_work() as session:
            stored = await load_events(session, run_id)
        assert len(stored) == (0 if number in (2, 4) else 3)


async def ended(principal: Principal, run_id: UUID) -> Any:
    async def over() -> bool:
        return (await flow_runs.get(principal, run_id)).ended_at is not None

    await until(over)
    return await flow_runs.get(principal, run_id)
