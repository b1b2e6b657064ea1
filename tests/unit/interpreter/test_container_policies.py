"""What the uniform policy means for a container: its time limit, its mock, its being switched off."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.drive import Signal, StepRequest
from app.flows.node_type import ErrorKind, NodeError
from app.flows.plan import Plan
from app.flows.scheduler import advance, outcome, start
from tests.unit.interpreter.test_laws import LAW, complete, replay
from tests.unit.interpreter.world import NOW, World, graphs, node, plan_of

START = node("start", "start")
END = node("end", "output.result", value="{{ input }}", leave=[])
ARROWS = ["start > each", "each.item > body", "each.done > end"]


async def slow(request: StepRequest) -> None:
    if request.node.id == "body":
        await asyncio.sleep(30)


def mapped(policy: Any, body: Any, arrows: list[str] = ARROWS, **params: Any) -> World:
    params = {"items": [1, 2], **params}
    each = node("each", "logic.map", policy, **params)
    return World(plan_of([START, each, {**body, "parent": "each"}, END], arrows))


class Later:
    """A clock that can be moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class TestTimeLimit:
    async def test_the_body_has_its_time_and_the_error_says_whose_it_was(self) -> None:
        world = mapped({"timeout_s": 0.05}, node("body", "read"))
        world.before = slow
        world.ticking = True
        result: Any = await world.run()
        assert (result.status, result.error["code"]) == ("failed", "container.timeout")
        assert (result.error["kind"], result.error["node"], result.error.get("place")) == (
            "timeout",
            "each",
            None,
        )
        assert result.error["context"] == {"timeout_s": 0.05}

    @pytest.mark.parametrize(
        ("policy", "arrows", "output"),
        [
            ({"on_error": "default", "default": "too slow"}, ARROWS, "too slow"),
            ({"on_error": "port"}, [*ARROWS[:2], "each.error > end"], "container.timeout"),
        ],
    )
    async def test_its_policy_has_the_answer(self, policy: Any, arrows: list[str], output: str) -> None:
        world = mapped({"timeout_s": 0.05, **policy}, node("body", "read"), arrows)
        world.before, world.ticking = slow, True
        result: Any = await world.run()
        assert result.status == "succeeded"
        assert (result.output if isinstance(result.output, str) else result.output["code"]) == output

    async def test_what_runs_inside_is_cancelled_at_once(self) -> None:
        world = mapped({"timeout_s": 0.05, "on_error": "default", "default": 0}, node("body", "read"))
        world.ticking, given_up = True, []

        async def before(request: StepRequest) -> None:
            if request.path:
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    given_up.append(request.path)
                    raise

        world.before = before
        async with asyncio.timeout(5):
            await world.run()
        assert sorted(given_up) == ["each[0]", "each[1]"]
        skipped = [each["path"] for each in world.sink.events if each["type"] == "step.skipped"]
        assert skipped == ["each[0]", "each[1]"]

    async def test_it_strikes_while_the_body_waits_and_closes_its_waits(self) -> None:
        world, clock = (
            mapped(
                {"timeout_s": 60, "on_error": "port"}, node("body", wait=True), [*ARROWS, "each.error > end"]
            ),
            Later(),
        )
        assert (await world.run(clock=clock)).status == "waiting"
        assert world.events[2]["due_at"] == (NOW + timedelta(seconds=60)).isoformat()
        clock.now += timedelta(seconds=59)
        assert (await world.run(clock=clock)).status == "waiting"
        clock.now += timedelta(seconds=2)
        result: Any = await world.run(clock=clock)
        assert (result.status, result.output["code"]) == ("succeeded", "container.timeout")
        failed = next(each for each in world.events if each.get("error"))
        assert failed["over"] == [
            {"node": "body", "path": f"each[{index}]", "why": "out_of_time", "by": "each"} for index in (0, 1)
        ]
        assert failed["duration_ms"] == 61_000

    async def test_the_clock_of_the_database_has_the_last_word(self) -> None:
        """The alarm rang, so the time is over, whatever this process thinks of it."""
        world = mapped({"timeout_s": 60}, node("body", wait=True))
        await world.run()

        async def signals() -> list[Signal]:
            return [Signal("each", "", {"kind": "due"})]

        result: Any = await world.run(signals=signals)
        assert (result.status, result.error["code"]) == ("failed", "container.timeout")

    async def test_an_inner_limit_is_an_item_that_failed_and_an_outer_one_ends_both(self) -> None:
        def nested(outer: Any, inner: Any) -> World:
            nodes = [
                START,
                node("rows", "logic.map", outer, items=[1], on_item_error="collect"),
                node("again", "logic.loop", inner, "rows", until={"left": 1, "op": "eq", "right": 2}),
                node("body", "read", parent="again"),
                END,
            ]
            world = World(
                plan_of(nodes, ["start > rows", "rows.item > again", "again.body > body", "rows.done > end"])
            )
            world.before, world.ticking = slow, True
            return world

        inside: Any = (await nested({}, {"timeout_s": 0.05}).run()).output
        assert [(each["node"], each["place"], each["code"]) for each in inside["errors"]] == [
            ("again", "rows[0]", "container.timeout")
        ]
        outside: Any = (await nested({"timeout_s": 0.05}, {"timeout_s": 30}).run()).error
        assert (outside["node"], outside["code"]) == ("rows", "container.timeout")

    async def test_a_loop_has_one_limit_for_all_its_rounds(self) -> None:
        for_ever = {"left": 1, "op": "eq", "right": 1}
        nodes = [
            START,
            node("again", "logic.loop", {"timeout_s": 0.1}, while_=for_ever, max_iterations=10_000),
            node("body", "read", parent="again"),
        ]
        world = World(plan_of(nodes, ["start > again", "again.body > body"]))
        world.ticking = True

        async def before(request: StepRequest) -> None:
            await asyncio.sleep(0.02)

        world.before = before
        result: Any = await world.run()
        assert result.error["code"] == "container.timeout"
        assert 2 <= len(world.performed) < 12
        assert [bool(each.get("due_at")) for each in world.events if each["type"] == "step.opened"][:2] == [
            True,
            False,
        ]

    async def test_a_loop_of_pure_steps_is_stopped_too(self) -> None:
        for_ever = {"left": 1, "op": "eq", "right": 1}
        again = node("again", "logic.loop", {"timeout_s": 0.05}, while_=for_ever, max_iterations=10_000)
        world = World(
            plan_of([START, again, node("body", parent="again")], ["start > again", "again.body > body"])
        )
        world.ticking = True
        assert (await world.run()).error["code"] == "container.timeout"  # type: ignore[index]

    async def test_one_that_is_done_in_time_leaves_its_limit_behind(self) -> None:
        world = mapped({"timeout_s": 60}, node("body", "read"))
        assert (await world.run()).status == "succeeded"
        last = [each for each in world.events if each.get("over")]
        assert [each["over"] for each in last] == [[{"node": "each", "path": "", "why": "", "by": ""}]]


class TestCanned:
    async def test_a_mocked_container_never_opens(self) -> None:
        world = mapped({"mock": {"results": [7], "errors": []}}, node("body", "unsafe"))
        assert (await world.run()).output == {"results": [7], "errors": []}
        assert "each[0]/body" not in world.performed

    async def test_a_disabled_container_passes_its_input_on(self) -> None:
        world = mapped({}, node("body", "unsafe"))
        nodes = [
            {**each.node.model_dump(by_alias=True), "enabled": each.id != "each"} for each in world.plan.nodes
        ]
        again = World(plan_of(nodes, ARROWS))
        assert (await again.run()).output == {"n": 1}
        assert "each[0]/body" not in again.performed

    async def test_nodes_inside_may_be_mocked_or_disabled(self) -> None:
        mocked = mapped({}, node("body", "unsafe", {"mock": "canned"}))
        assert (await mocked.run()).output == {"results": ["canned", "canned"], "errors": []}
        disabled = mapped({}, {**node("body", "unsafe", fail=True), "enabled": False})
        assert (await disabled.run()).output == {"results": [1, 2], "errors": []}
        for world in (mocked, disabled):
            assert not [each for each in world.performed if each.startswith("each[")]


class TestGivenUp:
    async def test_a_map_that_stops_closes_what_its_other_items_wait_for(self) -> None:
        nodes = [
            START,
            node("each", "logic.map", {"on_error": "port"}, items=[1, 2]),
            node("ask", parent="each", wait=True),
            node("breaks", "read", parent="each"),
            END,
        ]
        arrows = ["start > each", "each.item > ask", "each.item > breaks", "each.error > end"]
        world = World(plan_of(nodes, arrows))

        async def before(request: StepRequest) -> None:
            if request.node.id == "breaks" and request.path == "each[1]":
                await asyncio.sleep(0.01)
                raise NodeError(ErrorKind.AUTH, "test.broken")

        world.before = before
        result: Any = await world.run()
        assert result.output["code"] == "test.broken"
        failed = next(each for each in world.events if each["type"] == "step.failed")
        assert failed["over"] == [
            {"node": "ask", "path": f"each[{index}]", "why": "stopped", "by": "each"} for index in (1, 0)
        ]

    async def test_a_join_that_cancels_closes_what_late_branches_wait_for(self) -> None:
        nodes = [
            START,
            node("ask", wait=True),
            node("fast", "read", value="fast"),
            node("both", "logic.join", mode="first", late="cancel"),
            END,
        ]
        world = World(
            plan_of(nodes, ["start > ask", "start > fast", "ask > both", "fast > both", "both > end"])
        )
        assert (await world.run()).output == "fast"
        over = [each["over"] for each in world.events if each.get("over")]
        assert over == [[{"node": "ask", "path": "", "why": "late", "by": "both"}]]


@LAW
@given(graphs(failures=True), st.data())
def test_whatever_is_cut_short_the_journal_names_every_wait_that_is_over(
    plan: Plan, data: st.DataObject
) -> None:
    """Following waits by events alone, as the rows of the database do, ends where the interpreter's state does."""
    world = World(plan)
    asyncio.run(complete(world))
    cut = data.draw(st.integers(1, len(world.events)))
    state, open_ = start(plan, world.events[0]), set[Any]()
    for event in world.events[1:cut]:
        state = advance(plan, state, event)
        step = event.get("node"), event.get("path")
        if event["type"] == "step.waiting":
            open_.add(step)
        elif event["type"] in ("step.succeeded", "step.failed"):
            open_.discard(step)
        open_ -= {(each["node"], each["path"]) for each in event.get("over", ())}
    assert open_ == {tuple(ref) for ref in state.waits}


@LAW
@given(graphs(failures=True), st.data())
def test_a_container_may_run_out_of_time_at_any_moment(plan: Plan, data: st.DataObject) -> None:
    """The alarm of any open container may ring: the run goes on, ends, and replays to the same state."""
    world = World(plan)
    asyncio.run(complete(world))
    prefix = world.events[: data.draw(st.integers(1, len(world.events)))]
    state = replay(plan, prefix)
    if not state.opened or outcome(plan, state) is not None:
        return
    ref = data.draw(st.sampled_from(sorted(state.opened)))
    again = World(plan)
    again.journal.runs["run"] = prefix

    async def signals() -> list[Signal]:
        return [Signal(ref.node, ref.path, {"kind": "due"})]

    nudge = asyncio.Event()
    nudge.set()

    async def through() -> Any:
        result = await again.run(signals=signals, nudge=nudge)
        return result if result.status != "waiting" else await complete(again)

    result = asyncio.run(through())
    assert result.status in ("succeeded", "failed")
    ended = replay(plan, again.events)
    assert ended.ended
