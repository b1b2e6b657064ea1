"""Runs of a conversation go one at a time, in the order in which they were taken in, whatever the clocks say."""

import asyncio
import itertools
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import NotFound
from app.repositories import leases
from app.repositories.conversations import Conversations
from app.schemas.flow_runs import ChatRequest, StartRun
from app.services import chat, flow_runs
from tests.integration.runs.conftest import Workers, chain, node, say, store, until

TALK = chain(
    node("message", "trigger.chat"), node("reply", "channel.send", text="{{ input.message }}"), kind="agent"
)


@pytest.fixture
def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids of runs as a clock gives them that jumps back before each of them."""
    left = iter(range(2**40, 0, -1))

    def fresh_id() -> UUID:
        return UUID(int=(0x0190_0000_0000_7000_8000 << 48) + next(left))

    monkeypatch.setattr(flow_runs, "fresh_id", fresh_id)


async def asked(principal: Principal, flow_id: UUID, count: int, session_id: str = "s") -> list[UUID]:
    """Messages one after another, by the short way and by the long one."""
    runs = []
    for number in range(count):
        body = ChatRequest(message=f"m{number}", flow_id=flow_id, session_id=session_id)
        if number % 2:
            said = await say(principal, body, wait=False)
        else:
            async with unit_of_work() as session:
                said = await chat.say(session, principal, body)
        assert said.run_id is not None
        runs.append(said.run_id)
    return runs


async def claim(*wanted: UUID) -> set[UUID]:
    """What two workers that claim at once get: the first those at even places, the second the others."""
    first = [(run_id, str(uuid4())) for run_id in wanted[::2]]
    second = [(run_id, str(uuid4())) for run_id in wanted[1::2]]
    taken = await asyncio.gather(*[leases.claim(each, 60, 100) for each in (first, second)])
    return set(taken[0]) | set(taken[1])


@pytest.mark.usefixtures("backwards")
async def test_ids_that_run_backwards(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, TALK)
    runs = await asked(principal, flow_id, 8)
    assert runs == sorted(runs, reverse=True)
    workers.start()
    workers.start()

    async def over() -> bool:
        return all([(await flow_runs.get(principal, each)).status == "succeeded" for each in runs])

    await until(over)
    views = [await flow_runs.get(principal, each) for each in runs]
    for before, after in itertools.pairwise(views):
        assert before.ended_at is not None
        assert after.started_at is not None
        assert before.ended_at <= after.started_at


@pytest.mark.usefixtures("backwards")
async def test_two_workers_that_claim_at_once(principal: Principal) -> None:
    flow_id = await store(principal, TALK)
    for number in range(10):
        runs = await asked(principal, flow_id, 4, f"s{number}")
        assert await claim(*runs) == {runs[0]}
        await _end(runs[0])
        assert await claim(*reversed(runs)) == {runs[1]}


@pytest.mark.usefixtures("backwards")
async def test_the_newest_of_a_conversation_is_the_one_that_came_last(principal: Principal) -> None:
    flow_id = await store(principal, TALK)
    runs = await asked(principal, flow_id, 3)
    async with unit_of_work() as session:
        [conversation] = await chat.conversations(session, principal, flow_id)
        rows = Conversations(session, principal.workspace_id)
        for newest in (await rows.queued_run(conversation.id), await rows.active_run(conversation.id)):
            assert newest is not None
            assert newest.id == runs[-1]
    async with unit_of_work() as session:
        await session.execute(text("UPDATE flow_run SET status = 'succeeded', ended_at = now() WHERE id = :id"), {"id": runs[0]})  # fmt: skip
        assert await leases.settle(session, runs[0]) == [runs[1]]


async def test_a_run_that_the_api_starts_in_a_conversation_holds_it(principal: Principal) -> None:
    """Without that a later one could be stored, and begin, before the earlier one can be seen."""
    flow_id = await store(
        principal, {**TALK, "nodes": [{"id": "call", "type": "trigger.call"}, *TALK["nodes"]]}
    )
    [first] = await asked(principal, flow_id, 1)
    await _end(first)
    async with unit_of_work() as session:
        [conversation] = await chat.conversations(session, principal, flow_id)
    body = StartRun(input={"message": "x"}, conversation_id=conversation.id, draft=True)

    async def start() -> UUID:
        async with unit_of_work() as session:
            return await flow_runs.queue_stored(session, principal, flow_id, body)

    async with unit_of_work() as session:
        earlier = await flow_runs.queue_stored(session, principal, flow_id, body)
        other = asyncio.create_task(start())
        await asyncio.sleep(0.3)
        assert not other.done()
    later = await other
    assert await claim(later, earlier) == {earlier}


async def test_another_workspace_s_conversation_is_not_there(principal: Principal) -> None:
    flow_id = await store(principal, TALK)
    body = StartRun(conversation_id=uuid4(), draft=True)
    with pytest.raises(NotFound):
        async with unit_of_work() as session:
            await flow_runs.queue_stored(session, principal, flow_id, body)


async def test_the_look_for_an_earlier_run_is_one_into_an_index(principal: Principal) -> None:
    """Among thousands of messages in one conversation, and of others."""
    flow_id = await store(principal, TALK)
    [first] = await asked(principal, flow_id, 1)
    async with unit_of_work() as session:
        await session.execute(text("""
            INSERT INTO flow_run OVERRIDING USER VALUE SELECT (json_populate_record(run, json_build_object(
              'id', gen_random_uuid()
            ))).* FROM flow_run AS run, generate_series(1, 5000) WHERE run.id = :id
        """), {"id": first})  # fmt: skip
    async with unit_of_work() as session:
        await session.execute(text("ANALYZE flow_run"))
        found: list[Any] = list(
            await session.scalars(
                text("""
                EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
                SELECT count(*) FROM (SELECT id, conversation_id, place FROM flow_run ORDER BY place DESC LIMIT 100)
                AS run WHERE NOT EXISTS (
                  SELECT FROM flow_run AS earlier
                  WHERE earlier.conversation_id = run.conversation_id AND earlier.place < run.place
                    AND earlier.status IN ('queued', 'running', 'waiting')
                )
                """)
            )
        )
    assert "ix_flow_run_active_conversation" in str(found)
    assert "place < " in str(found)
    assert found[0][0]["Plan"]["Shared Hit Blocks"] < 1_000, found


async def _end(run_id: UUID) -> None:
    async with unit_of_work() as session:
        values = {"id": run_id}
        await session.execute(
            text(
                "UPDATE flow_run SET status = 'succeeded', ended_at = now(), lease_until = NULL WHERE id = :id"
            ),
            values,
        )
