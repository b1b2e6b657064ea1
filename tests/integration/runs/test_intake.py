"""The short way in: a run is stored only as what its flow is at that moment, whatever the process remembers of it."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.core import db
from app.core.principal import Principal
from app.errors import NotFound
from app.flows import codec
from app.schemas.flow_runs import ChatRequest, RunView, StartRun
from app.services import flow_runs, run_turn
from tests.integration.runs.conftest import Workers, chain, node, say, store

CALL = node("call", "trigger.call")


def says(value: str) -> dict[str, Any]:
    return chain(CALL, node("result", "output.result", value=value))


async def run(principal: Principal, flow_id: UUID, **asked: Any) -> RunView:
    return await run_turn.run(principal, flow_id, StartRun(wait=True, **asked), "api", stream=False)


async def become(flow_id: UUID, document: dict[str, Any]) -> None:
    """The draft changes as if another process had taken the edit."""
    flow = codec.parse(document)
    values = {"id": flow_id, "document": codec.dump(flow), "hash": codec.semantic_hash(flow)}
    async with db.unit_of_work() as session:
        await session.execute(
            text("UPDATE flow SET document = :document, semantic_hash = :hash WHERE id = :id"), values
        )


async def test_a_run_is_of_the_draft_as_it_is_now(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, says("old"))
    workers.start()
    assert [(await run(principal, flow_id)).output for _ in range(3)] == ["old"] * 3
    await become(flow_id, says("new"))
    assert [(await run(principal, flow_id)).output for _ in range(3)] == ["new"] * 3
    await become(flow_id, says("old"))
    assert (await run(principal, flow_id)).output == "old"


async def test_a_run_that_was_waited_for_is_told_as_it_is_stored(
    principal: Principal, workers: Workers
) -> None:
    flow_id = await store(principal, chain(CALL, node("result", "output.result", value="{{ input }}")))
    workers.start()
    for number in range(3):
        told = await run(principal, flow_id, input={"number": number})
        assert told == await flow_runs.get(principal, told.id)
        assert (told.status, told.output) == ("succeeded", {"number": number})


async def test_the_published_version_is_run_from_its_publication_on(
    principal: Principal, workers: Workers
) -> None:
    flow_id = await store(principal, says("first"), publish=True)
    workers.start()
    before = [await run(principal, flow_id, draft=False) for _ in range(2)]
    assert {(each.output, each.version) for each in before} == {("first", 1)}
    await become(flow_id, says("second"))
    assert (await run(principal, flow_id, draft=False)).output == "first"
    drafted = await run(principal, flow_id, draft=True)
    assert (drafted.output, drafted.version) == ("second", None)
    async with db.unit_of_work() as session:
        await session.execute(
            text("UPDATE flow SET published_version = NULL WHERE id = :id"), {"id": flow_id}
        )
    taken_back = await run(principal, flow_id, draft=False)
    assert (taken_back.output, taken_back.version) == ("second", None)


async def test_a_flow_that_is_gone_or_anothers_is_not_found(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, says("here"))
    workers.start()
    assert [(await run(principal, flow_id)).output for _ in range(2)] == ["here"] * 2
    async with db.unit_of_work() as session:
        await session.execute(text("UPDATE flow SET deleted_at = now() WHERE id = :id"), {"id": flow_id})
    for missing in (flow_id, uuid4()):
        with pytest.raises(NotFound):
            await run(principal, missing)


async def test_one_that_is_refused_harms_none_that_came_with_it(
    principal: Principal, workers: Workers
) -> None:
    strict = {**says("fine"), "inputs": {"type": "object", "required": ["name"]}}
    flow_id = await store(principal, strict)
    workers.start()
    assert (await run(principal, flow_id, input={"name": "x"})).output == "fine"
    wanted = [{"name": "x"}, {}, {"name": "y"}, {"name": 10**30}, {"name": "z" * 200_000}]
    answers = await asyncio.gather(
        *(run(principal, flow_id, input=each) for each in wanted), return_exceptions=True
    )
    outcomes = [each.output if isinstance(each, RunView) else type(each).__name__ for each in answers]
    assert outcomes == ["fine", "InputRefused", "fine", outcomes[3], "fine"]
    assert outcomes[3] != "fine"


async def test_messages_of_one_session_go_into_one_conversation(
    principal: Principal, workers: Workers
) -> None:
    flow_id = await store(
        principal,
        chain(
            node("call", "trigger.chat"),
            node("reply", "channel.send", text="{{ input.message }}"),
            kind="agent",
        ),
    )
    workers.start()
    for words in ("a", "b"):
        await say(principal, ChatRequest(message=words, flow_id=flow_id, session_id="one"), wait=True)
    wanted = [ChatRequest(message=str(number), flow_id=flow_id, session_id="one") for number in range(5)]
    await asyncio.gather(*(say(principal, each, wait=True) for each in wanted))
    async with db.unit_of_work() as session:
        conversations = await session.scalar(text("SELECT count(*) FROM conversation"))
        runs = (await session.execute(text("SELECT conversation_id, scope FROM flow_run"))).all()
        (said,) = (await session.execute(text("SELECT count(*) FROM message"))).one()
    assert (conversations, len(runs), said) == (1, 7, 14)
    assert {str(row.conversation_id) for row in runs} == {row.scope["conversation"]["id"] for row in runs}
