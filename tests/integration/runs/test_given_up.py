"""Steps that are given up while they wait: what they asked is closed at once, and whom they called is let go."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.repositories.waits import FlowWaits
from app.schemas.flow_runs import ChatRequest
from app.schemas.inbox import TaskResult
from app.services import flow_runs, inbox
from tests.integration.runs.conftest import Workers, chain, node, say, store, until
from tests.integration.runs.test_waits import (
    CALL,
    CHAT,
    Talk,
    asked,
    branching,
    decide,
    ended,
    has,
    start,
)

DESCENDANTS = text("""
WITH RECURSIVE family AS (
  SELECT id, status FROM flow_run WHERE parent_run_id = :id
  UNION SELECT child.id, child.status FROM flow_run AS child JOIN family ON child.parent_run_id = family.id
)
SELECT status FROM family
""")


def inside(parent: str, *nodes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**each, "parent": parent} for each in nodes]


def with_policy(made: dict[str, Any], **policy: Any) -> dict[str, Any]:
    return {**made, "policy": policy}


async def refused(principal: Principal, item_id: UUID) -> AppError:
    with pytest.raises(AppError) as caught:
        await decide(principal, item_id)
    return caught.value


async def test_a_map_that_runs_out_of_time_closes_what_it_asked(
    principal: Principal, workers: Workers
) -> None:
    """The worker that opened the map is killed while its items wait; the limit strikes on another."""
    each = with_policy(node("each", "logic.map", items=["a", "b"]), timeout_s=3, on_error="port")
    flow = branching(
        CALL,
        each,
        *inside("each", node("ask", "human.approval", question="{{ item }}?", allow_self=True)),
        node("held", "human.approval", question="And now?", allow_self=True),
        node("done", "output.result", value="{{ nodes.each.code }}"),
        edges="call>each each.item>ask each.error>held held.approved>done",
    )
    first = workers.start()
    run_id = await start(principal, flow)
    items = await asked(principal, count=2)
    workers.kill(first)
    workers.start()

    async def only_the_next() -> bool:
        async with unit_of_work() as session:
            return [each.title for each in await inbox.items(session, principal)] == ["And now?"]

    await until(only_the_next)
    await until(partial(has, principal, run_id, "waiting"))
    late = await refused(principal, items[0].id)
    assert (late.status, late.error_code, late.context["by"]) == (409, "approval.over_out_of_time", "each")
    (held,) = await asked(principal)
    await decide(principal, held.id)
    assert (await ended(principal, run_id)).output == "container.timeout"
    async with unit_of_work() as session:
        steps = {(each.node, each.path): each for each in await flow_runs.steps(session, principal, run_id)}
        over = await inbox.items(session, principal, decided=True)
        left = await FlowWaits(session, principal.workspace_id).of_run(run_id)
    assert steps["ask", "each[0]"].status == "skipped"
    assert steps["each", ""].duration_ms >= 3_000
    assert sorted(each.status for each in over) == ["approved", "out_of_time", "out_of_time"]
    assert left == []


async def test_a_map_that_stops_closes_what_its_other_items_asked(
    principal: Principal, workers: Workers
) -> None:
    each = with_policy(node("each", "logic.map", items=[1, 2]), on_error="default", default="stopped")
    flow = branching(
        CALL,
        each,
        *inside(
            "each",
            node("ask", "human.task", title="Look at {{ item }}"),
            node("check", "output.result", value="{{ nodes.ask.result.missing }}"),
        ),
        node("pause", "time.wait", for_s=60),
        edges="call>each each.item>ask ask.done>check each.done>pause",
    )
    workers.start()
    run_id = await start(principal, flow)
    one, two = sorted(await asked(principal, "task", 2), key=lambda each: each.title)
    async with unit_of_work() as session:
        await inbox.finish_task(session, principal, one.id, TaskResult(result={}))
    await asked(principal, "task", 0)
    await until(partial(has, principal, run_id, "waiting"))
    with pytest.raises(AppError) as late:
        async with unit_of_work() as session:
            await inbox.finish_task(session, principal, two.id, TaskResult())
    assert (late.value.error_code, late.value.context["by"]) == ("approval.over_stopped", "each")


async def test_a_join_that_needs_no_more_takes_the_question_back(
    principal: Principal, workers: Workers
) -> None:
    """The question in the conversation is over: what the person says next is a new message."""
    flow = branching(
        CHAT,
        node("ask", "channel.ask", question="Which size?"),
        node("approve", "human.approval", question="Any?", allow_self=True),
        node("first", "logic.join", mode="first", late="cancel"),
        node("pause", "time.wait", for_s=60),
        edges="call>ask call>approve ask.answered>first approve.approved>first first>pause",
        kind="agent",
    )
    talk = Talk(principal, await store(principal, flow))
    workers.start()
    said = await talk.say("Hi")
    assert said.run_id is not None
    (item,) = await asked(principal)
    await decide(principal, item.id)

    async def closed() -> bool:
        async with unit_of_work() as session:
            left = await FlowWaits(session, principal.workspace_id).of_run(said.run_id)  # type: ignore[arg-type]
        return [each.node for each in left] == ["pause"]

    await until(closed)
    body = ChatRequest(message="Large", flow_id=talk.flow_id, session_id=talk.session_id)
    queued = await say(principal, body, wait=False)
    assert queued.run_id not in (None, said.run_id)


async def test_called_runs_of_given_up_steps_are_cancelled(principal: Principal, workers: Workers) -> None:
    """Also those that these called."""
    inner = chain(CALL, node("pause", "time.wait", for_s=600))
    inner_id = await store(principal, inner, publish=True)
    middle_id = await store(
        principal, chain(CALL, node("sub", "logic.subflow", flow=str(inner_id))), publish=True
    )
    loop = with_policy(
        node("again", "logic.loop", until={"left": 1, "op": "eq", "right": 1}), timeout_s=2, on_error="port"
    )
    flow = branching(
        CALL,
        loop,
        *inside("again", node("sub", "logic.subflow", flow=str(middle_id))),
        node("after", "time.wait", for_s=600),
        edges="call>again again.body>sub again.error>after",
    )
    workers.start()
    run_id = await start(principal, flow)

    async def statuses() -> list[str]:
        async with unit_of_work() as session:
            children = await descendants(session, run_id)
        return sorted(children)

    await until(partial(_are, statuses, ["waiting", "waiting"]))
    await until(partial(_are, statuses, ["cancelled", "cancelled"]))
    await until(partial(has, principal, run_id, "waiting"))


async def test_a_task_of_an_agent_ends_with_its_deadline(principal: Principal, workers: Workers) -> None:
    slow_id = await store(principal, chain(CALL, node("pause", "time.wait", for_s=600)), publish=True)
    task = node("task", "human.task", title="Look", agent=str(slow_id), deadline_s=1)
    late = node("late", "output.result", value="late")
    workers.start()
    run_id = await start(principal, branching(CALL, task, late, edges="call>task task.timeout>late"))
    assert (await ended(principal, run_id)).output == "late"

    async def cancelled() -> bool:
        async with unit_of_work() as session:
            return await descendants(session, run_id) == ["cancelled"]

    await until(cancelled)


async def test_a_run_that_fails_lets_its_called_runs_go(principal: Principal, workers: Workers) -> None:
    slow_id = await store(principal, chain(CALL, node("pause", "time.wait", for_s=600)), publish=True)
    flow = branching(
        CALL,
        node("sub", "logic.subflow", flow=str(slow_id)),
        node("pause", "time.wait", for_s=1),
        node("bad", "output.result", value="{{ input.nothing }}"),
        edges="call>sub call>pause pause>bad",
    )
    workers.start()
    run_id = await start(principal, flow)
    assert (await ended(principal, run_id)).status == "failed"

    async def cancelled() -> bool:
        async with unit_of_work() as session:
            return await descendants(session, run_id) == ["cancelled"]

    await until(cancelled)


async def _are(found: Any, wanted: list[str]) -> bool:
    return bool(await found() == wanted)


async def descendants(session: Any, run_id: UUID) -> list[str]:
    """The statuses of every run that this one called, or that those called."""
    rows = await session.execute(DESCENDANTS, {"id": run_id})
    return [row.status for row in rows]
