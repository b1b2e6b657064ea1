"""What holds for every flow: checked on random graphs."""

import asyncio
import random
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.flows.attempts import Performer
from app.flows.check import check
from app.flows.live import Feed, live
from app.flows.memory import MemoryJournal
from app.flows.perform import make_perform
from app.flows.plan import Plan, compile
from app.flows.scheduler import State, advance, outcome, ready, start
from app.flows.scope import request_for
from tests.unit.interpreter.world import CATALOG, NOW, RUN, World, done, graphs, place_of, started

LAW = settings(max_examples=150, deadline=None)


def replay(plan: Plan, events: list[Any]) -> State:
    state = start(plan, events[0])
    for event in events[1:]:
        state = advance(plan, state, event)
    return state


async def finish(plan: Plan, state: State, choose: random.Random) -> State:
    """Let the ready steps finish in any order."""
    performer = Performer(make_perform(plan, lambda _request: {}), lambda: NOW, asyncio.sleep, lambda: 0.5)
    while steps := ready(plan, state):
        ref = choose.choice(steps)
        for event in await performer.events(request_for(plan, state, ref, RUN, NOW)):
            if event["type"] == "step.waiting":
                event = done(ref.node, path=ref.path, output="answer")
            state = advance(plan, state, event)
    return state


def places(journal: MemoryJournal, kind: str) -> set[str]:
    return {place_of(each["node"], each["path"]) for each in journal.runs[RUN] if each["type"] == kind}


async def complete(world: World) -> Any:
    """Drive, answering every wait, until the run ends."""
    while (result := await world.run()).status == "waiting":
        state = replay(world.plan, world.events)
        world.events.extend(done(ref.node, path=ref.path, output="answer") for ref in sorted(state.waits))
    return result


@LAW
@given(graphs(failures=True))
def test_replay_from_any_prefix_ends_in_the_same_state(plan: Plan) -> None:
    world = World(plan)
    asyncio.run(complete(world))
    whole = replay(plan, world.events)
    for cut in range(1, len(world.events)):
        state = replay(plan, world.events[:cut])
        for event in world.events[cut:]:
            state = advance(plan, state, event)
        assert state == whole


@LAW
@given(graphs(failures=True), st.randoms(use_true_random=False))
def test_a_duplicate_event_changes_nothing(plan: Plan, choose: random.Random) -> None:
    world = World(plan)
    asyncio.run(complete(world))
    twice = list(world.events)
    for event in choose.sample(world.events, k=min(4, len(world.events))):
        twice.insert(choose.randrange(twice.index(event), len(twice)) + 1, event)
    assert replay(plan, twice) == replay(plan, world.events)
    assert live(plan, twice) == live(plan, world.events)


@LAW
@given(graphs(joins=False), st.randoms(use_true_random=False))
def test_siblings_may_finish_in_any_order(plan: Plan, choose: random.Random) -> None:
    first = asyncio.run(finish(plan, start(plan, started()), random.Random(0)))
    other = asyncio.run(finish(plan, start(plan, started()), choose))
    assert (first.status, first.outputs, first.usage) == (other.status, other.outputs, other.usage)
    assert outcome(plan, first) == outcome(plan, other)


@LAW
@given(graphs())
def test_advance_leaves_what_it_is_given_alone(plan: Plan) -> None:
    state = start(plan, started())
    before = state.copy()
    for step in ready(plan, state):
        advance(plan, state, done(step.node, path=step.path, output=1))
    assert state == before


@LAW
@given(graphs(), st.integers(1, 6))
def test_the_step_budget_bounds_every_run(plan: Plan, budget: int) -> None:
    bounded = Plan(plan.flow, plan.nodes, plan.edges, plan.by_id, plan.roots, budget)
    world = World(bounded)
    result = asyncio.run(complete(world))
    assert len(world.performed) <= budget
    assert result.status == "succeeded" or result.error["code"] == "run.step_budget"


@LAW
@given(graphs(failures=True), st.data())
def test_whatever_fails_nothing_recorded_or_sent_runs_again(plan: Plan, data: st.DataObject) -> None:
    whole = World(plan)
    asyncio.run(complete(whole))
    journal = MemoryJournal()
    journal.runs[RUN] = whole.events[: data.draw(st.integers(1, len(whole.events)))]
    recorded = places(journal, "step.succeeded") | places(journal, "step.failed")
    sent = places(journal, "step.sent") - places(journal, "step.waiting")
    again = World(plan, journal=journal)
    result = asyncio.run(complete(again))
    assert result.status in ("succeeded", "failed")
    assert not (recorded | sent) & set(again.performed)


@LAW
@given(graphs(joins=False), st.data())
def test_after_a_crash_nothing_recorded_runs_twice(plan: Plan, data: st.DataObject) -> None:
    whole = World(plan)
    result = asyncio.run(complete(whole))
    journal = MemoryJournal()
    journal.runs[RUN] = whole.events[: data.draw(st.integers(1, len(whole.events)))]
    recorded = places(journal, "step.succeeded")
    sent = places(journal, "step.sent") - recorded - places(journal, "step.waiting")
    again = World(plan, journal=journal)
    resumed = asyncio.run(complete(again))
    assert not recorded & set(again.performed)
    assert not sent & set(again.performed), "an unsafe step of unknown outcome is not sent twice"
    asked = [
        each for each in again.events if each["type"] == "step.waiting" and each["wait"]["kind"] == "unknown"
    ]
    assert sent <= {place_of(each["node"], each["path"]) for each in asked}, "a person says what came of it"
    if not sent:
        assert (resumed.status, resumed.output) == (result.status, result.output)


@LAW
@given(graphs(failures=True))
def test_live_events_are_numbered_without_a_gap_and_can_be_rebuilt(plan: Plan) -> None:
    world = World(plan)
    asyncio.run(complete(world))
    rebuilt = live(plan, world.events)
    assert [event["seq"] for event in rebuilt] == list(range(1, len(rebuilt) + 1))
    told = {event["seq"]: event for event in world.sink.events}
    assert [told[event["seq"]] for event in rebuilt] == rebuilt
    feed = Feed(plan)
    assert [each for event in world.events for each in feed.take(event)] == rebuilt


@LAW
@given(graphs())
def test_every_node_ends_up_done_or_skipped(plan: Plan) -> None:
    world = World(plan)
    result = asyncio.run(complete(world))
    assert result.status == "succeeded"
    state = replay(plan, world.events)
    assert set(state.status) == {each.id for each in plan.nodes if each.node.parent is None}
    assert (state.opened, set(state.frames)) == ({}, {""}), "every container is closed"


@LAW
@given(graphs(failures=True))
def test_every_run_ends_and_a_failure_names_its_step(plan: Plan) -> None:
    result = asyncio.run(complete(World(plan)))
    assert result.status in ("succeeded", "failed")
    assert result.status == "succeeded" or result.error["node"] in plan.by_id


@LAW
@given(graphs())
def test_a_flow_without_problems_compiles_and_runs(plan: Plan) -> None:
    assume(not [each for each in check(plan.flow, CATALOG) if each.severity == "error"])
    world = World(compile(plan.flow, CATALOG))
    assert asyncio.run(complete(world)).status == "succeeded"
