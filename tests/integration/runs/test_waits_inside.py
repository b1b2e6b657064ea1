"""Every kind of wait inside a map and inside a loop, by files written against the language page alone."""

import asyncio
from typing import Any

import pytest

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.schemas.inbox import GiveBack, TaskResult
from app.services import inbox
from tests.integration.runs.conftest import Workers, node, store, until
from tests.integration.runs.test_given_up import inside
from tests.integration.runs.test_waits import CALL, CHAT, Talk, branching, decide, ended, start

CONTAINERS: dict[str, tuple[dict[str, Any], str]] = {
    "map": (node("box", "logic.map", items=["one", "two"], max_parallel=1), "item"),
    "loop": (
        node(
            "box", "logic.loop", until={"left": "{{ iteration }}", "op": "gte", "right": 2}, max_iterations=5
        ),
        "body",
    ),
}
both = pytest.mark.parametrize("container", list(CONTAINERS))


def twice(container: str, waiting: dict[str, Any], kind: str = "task") -> dict[str, Any]:
    """The body waits, two times; the run's output is what the container leaves behind."""
    box, port = CONTAINERS[container]
    return branching(
        CHAT if kind == "agent" else CALL,
        box,
        *inside("box", waiting),
        node("done", "output.result", value="{{ nodes.box }}"),
        edges=f"call>box box.{port}>{waiting['id']} box.done>done",
        kind=kind,
    )


def outputs(container: str, output: Any) -> list[Any]:
    """The results of both rounds; a loop keeps the last."""
    return list(output["results"]) if container == "map" else [output["last"]]


class Person:
    """Answers whatever is asked of a kind, once each."""

    def __init__(self, principal: Principal, kind: str) -> None:
        self.principal, self.kind, self.done = principal, kind, set[Any]()

    async def next(self) -> Any:
        found: list[Any] = []

        async def there() -> bool:
            async with unit_of_work() as session:
                items = await inbox.items(session, self.principal, kind=self.kind)
            found[:] = [each for each in items if each.id not in self.done]
            return len(found) == 1

        await until(there, 60)
        self.done.add(found[0].id)
        return found[0]


@both
async def test_pauses(container: str, principal: Principal, workers: Workers) -> None:
    workers.start()
    view = await ended(
        principal, await start(principal, twice(container, node("w", "time.wait", for_s=0.2))), 60
    )
    assert view.status == "succeeded"
    assert len(outputs(container, view.output)) == (2 if container == "map" else 1)


@both
async def test_events(container: str, principal: Principal, workers: Workers) -> None:
    wait = node("w", "time.wait_event", events=[{"id": "paid", "kind": "webhook"}], deadline_s=600)
    workers.start()
    run_id = await start(principal, twice(container, wait))
    for number in (1, 2):

        async def heard(number: int = number) -> bool:
            async with unit_of_work() as session:
                return await inbox.deliver(session, principal, "webhook", {"n": number}) == [run_id]

        await until(heard, 60)
        await asyncio.sleep(1.5)
    view = await ended(principal, run_id, 60)
    assert outputs(container, view.output)[-1] == {"n": 2}


@both
async def test_approvals(container: str, principal: Principal, workers: Workers) -> None:
    wait = node("w", "human.approval", question="Fine?", allow_self=True, quorum=1, deadline_s=600)
    workers.start()
    run_id, person = await start(principal, twice(container, wait)), Person(principal, "approval")
    for decision in ("approved", "rejected"):
        await decide(principal, (await person.next()).id, decision)
    view = await ended(principal, run_id, 60)
    assert outputs(container, view.output)[-1]["decision"] == "rejected"


@both
async def test_tasks(container: str, principal: Principal, workers: Workers) -> None:
    workers.start()
    run_id = await start(principal, twice(container, node("w", "human.task", title="Look")))
    person = Person(principal, "task")
    for number in (1, 2):
        item = await person.next()
        async with unit_of_work() as session:
            await inbox.finish_task(session, principal, item.id, TaskResult(result=number))
    view = await ended(principal, run_id, 60)
    assert outputs(container, view.output)[-1]["result"] == 2


@both
async def test_questions_and_takeovers_and_sequence_steps(
    container: str, principal: Principal, workers: Workers
) -> None:
    """In one conversation each: the reply of every round goes to the round that asked."""
    workers.start()
    ask = node("w", "channel.ask", question="How many?", expects="number", retries=1)
    talk = Talk(principal, await store(principal, twice(container, ask, "agent")))
    first = await talk.say("Hi")
    for said in ("some", "3", "4"):
        last = await talk.say(said)
    assert first.run_id == last.run_id
    view = await ended(principal, first.run_id, 60)  # type: ignore[arg-type]
    assert outputs(container, view.output)[-1] == {"answer": 4}

    step = node("w", "sequence.step", text="Are you there?", wait_s=600)
    talk = Talk(principal, await store(principal, twice(container, step, "agent")))
    first = await talk.say("Hi")
    for said in ("yes", "still"):
        await talk.say(said)
    view = await ended(principal, first.run_id, 60)  # type: ignore[arg-type]
    assert outputs(container, view.output)[-1]["reply"] == "still"

    talk = Talk(principal, await store(principal, twice(container, node("w", "human.takeover"), "agent")))
    first, person = await talk.say("Hi"), Person(principal, "takeover")
    for note in ("one", "two"):
        item = await person.next()
        async with unit_of_work() as session:
            await inbox.give_back(session, principal, item.id, GiveBack(note=note))
    view = await ended(principal, first.run_id, 60)  # type: ignore[arg-type]
    assert outputs(container, view.output)[-1]["note"] == "two"


async def test_a_task_of_an_agent_that_fails_fails_with_its_error(
    principal: Principal, workers: Workers
) -> None:
    stop = node("bad", "output.result", value="{{ input.nothing }}")
    edges = [{"id": "e", "source": "call", "target": "bad"}]
    flow = {"schema": "flow/1", "kind": "task", "name": "Test", "nodes": [CALL, stop], "edges": edges}
    agent = await store(principal, flow, publish=True)
    task = node("task", "human.task", title="Look", agent=str(agent))
    workers.start()
    view = await ended(principal, await start(principal, branching(CALL, task, edges="call>task")), 60)
    assert (view.status, view.error["node"], view.error["code"]) == ("failed", "task", "subflow.failed")
