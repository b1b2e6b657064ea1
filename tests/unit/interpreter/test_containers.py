"""Maps, loops and early joins: what a run with a body does."""

import asyncio
from typing import Any

from app.flows.drive import StepRequest
from app.flows.node_type import ErrorKind, NodeError
from app.flows.run_state import StepRef
from app.flows.scheduler import advance, start
from tests.unit.interpreter.world import World, done, node, plan_of, started

START = node("start", "start")
EACH = ["start > each", "each.item > body", "each.done > end"]
END = node("end", "output.result", value="{{ nodes.each }}", leave=[])


def mapped(body: Any, *, policy: Any = None, **params: Any) -> World:
    each = node("each", "logic.map", policy, items="{{ input.items }}", **params)
    return World(plan_of([START, each, {**body, "parent": "each"}, END], EACH), {"items": ["a", "b", "c"]})


class TestMap:
    async def test_results_stand_in_the_order_of_the_items(self) -> None:
        world = mapped(node("body", "read", value="{{ index }}:{{ item }}"), max_parallel=3)

        async def last_first(request: StepRequest) -> None:
            if request.path:
                await asyncio.sleep(0.03 - 0.01 * request.scope["index"])

        world.before = last_first
        result = await world.run()
        assert result.output == {"results": ["0:a", "1:b", "2:c"], "errors": []}
        assert [event["path"] for event in world.events if event.get("node") == "body"] == [
            "each[2]", "each[1]", "each[0]"
        ]  # fmt: skip

    async def test_no_more_than_allowed_run_at_a_time(self) -> None:
        world, now, most = mapped(node("body", "read"), max_parallel=2), 0, 0

        async def count(request: StepRequest) -> None:
            nonlocal now, most
            if request.path:
                now += 1
                most = max(most, now)
                await asyncio.sleep(0.005)
                now -= 1

        world.before = count
        assert (await world.run()).status == "succeeded"
        assert most == 2

    async def test_an_empty_list_is_done_at_once(self) -> None:
        world = mapped(node("body", "read"))
        world.journal.runs["run"] = [started(given={"items": []})]
        assert (await world.run()).output == {"results": [], "errors": []}

    async def test_what_is_no_list_is_a_located_error(self) -> None:
        world = mapped(node("body", "read"))
        world.journal.runs["run"] = [started(given={"items": {"a": 1}})]
        error: Any = (await world.run()).error
        assert (error["node"], error["param"], error["code"]) == ("each", "items", "map.not_a_list")

    async def test_a_failed_item_stops_is_left_out_or_listed(self) -> None:
        async def second_fails(request: StepRequest) -> None:
            if request.scope.get("index") == 1:
                raise NodeError(ErrorKind.AUTH, "test.broken")

        outcomes: dict[str, Any] = {}
        for how in ("stop", "skip", "collect"):
            world = mapped(node("body", "read", value="{{ item }}"), on_item_error=how)
            world.before = second_fails
            outcomes[how] = await world.run()
        assert outcomes["stop"].error["node"] == "body"
        assert outcomes["stop"].error["place"] == "each[1]"
        assert outcomes["skip"].output == {"results": ["a", "c"], "errors": []}
        collected = outcomes["collect"].output
        assert collected["results"] == ["a", "c"]
        assert [(each["index"], each["code"]) for each in collected["errors"]] == [(1, "test.broken")]

    async def test_a_stopped_map_leaves_by_its_error_port_and_gives_up_the_others(self) -> None:
        each = node("each", "logic.map", {"on_error": "port"}, items=[1, 2], max_parallel=2)
        body = node("body", "read", parent="each")
        saved = node("saved", "output.result", value="{{ input.code }}", leave=[])
        plan = plan_of([START, each, body, saved], ["start > each", "each.item > body", "each.error > saved"])
        world, given_up = World(plan), []

        async def before(request: StepRequest) -> None:
            if request.path == "each[0]":
                raise NodeError(ErrorKind.AUTH, "test.broken")
            if request.path == "each[1]":
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    given_up.append(request.path)
                    raise

        world.before = before
        assert (await world.run()).output == "test.broken"
        assert given_up == ["each[1]"]

    async def test_maps_in_maps_see_their_own_and_the_outer_item(self) -> None:
        nodes = [
            START,
            node("rows", "logic.map", items="{{ input.rows }}"),
            node("cells", "logic.map", parent="rows", items="{{ item.cells }}"),
            node(
                "cell",
                "pure",
                parent="cells",
                value="{{ outer.item.name }}{{ item }}{{ index }}{{ outer.index }}",
            ),
            node("end", "output.result", value="{{ nodes.rows.results }}", leave=[]),
        ]
        arrows = ["start > rows", "rows.item > cells", "cells.item > cell", "rows.done > end"]
        world = World(
            plan_of(nodes, arrows), {"rows": [{"name": "x", "cells": [1, 2]}, {"name": "y", "cells": [3]}]}
        )
        output: Any = (await world.run()).output
        assert [each["results"] for each in output] == [["x100", "x210"], ["y301"]]

    async def test_a_body_may_wait_for_each_item(self) -> None:
        world = mapped(node("body", wait=True))
        assert (await world.run()).status == "waiting"
        state = start(world.plan, world.events[0])
        for event in world.events[1:]:
            state = advance(world.plan, state, event)
        assert sorted(state.waits) == [StepRef("body", f"each[{index}]") for index in range(3)]
        world.events.extend(done("body", path=f"each[{index}]", output=index) for index in (2, 0, 1))
        output: Any = (await world.run()).output
        assert output["results"] == [0, 1, 2]

    async def test_a_crash_in_the_middle_repeats_no_item(self) -> None:
        world = mapped(node("body", "read", value="{{ item }}"), max_parallel=1)
        await world.run()
        cut = [event.get("path") for event in world.events].index("each[1]")
        again = mapped(node("body", "read", value="{{ item }}"), max_parallel=1)
        again.journal.runs["run"] = world.events[:cut]
        result: Any = await again.run()
        assert result.output["results"] == ["a", "b", "c"]
        assert again.performed[:2] == ["each[1]/body", "each[2]/body"]

    async def test_a_body_ends_where_its_path_ends(self) -> None:
        nodes = [
            START,
            node("each", "logic.map", items=[1, 2]),
            node("fork", parent="each", leave=["other"], value="stays"),
            node("more", parent="each", value="never"),
            node("end", "output.result", value="{{ nodes.each.results }}", leave=[]),
        ]
        world = World(plan_of(nodes, ["start > each", "each.item > fork", "fork > more", "each.done > end"]))
        assert (await world.run()).output == ["stays", "stays"]


class TestLoop:
    async def test_until_is_asked_after_each_round(self) -> None:
        until = {"left": "{{ input }}", "op": "eq", "right": "ab"}
        world = self._loop(until=until)
        assert (await world.run()).output == {"last": "ab", "iterations": 1}

    async def test_while_is_asked_before_the_first_round(self) -> None:
        never = {"left": "{{ input }}", "op": "eq", "right": "x"}
        assert (await self._loop(while_=never).run()).output == {"last": "a", "iterations": 0}

    async def test_a_loop_without_end_is_exhausted(self) -> None:
        for_ever = {"left": 1, "op": "eq", "right": 1}
        result = await self._loop(while_=for_ever, max_iterations=3).run()
        assert result.output == {"last": "abbb", "iterations": 3}

    def _loop(self, **params: Any) -> World:
        nodes = [
            START,
            node("again", "logic.loop", **params),
            node("body", "read", parent="again", value="{{ input }}b"),
            node("end", "output.result", value="{{ input }}", leave=[]),
        ]
        arrows = ["start > again", "again.body > body", "again.done > end", "again.exhausted > end"]
        return World(plan_of(nodes, arrows), "a")


class TestJoin:
    async def test_the_first_branch_wins_and_the_late_one_is_given_up(self) -> None:
        world, given_up = self._race(mode="first", late="cancel"), []

        async def before(request: StepRequest) -> None:
            if request.node.id == "slow":
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    given_up.append("slow")
                    raise

        world.before = before
        assert (await world.run()).output == "fast"
        assert given_up == ["slow"]
        assert ("step.skipped", "slow") in [(each["type"], each.get("node")) for each in world.sink.events]

    async def test_a_late_branch_may_run_on_unheard(self) -> None:
        world = self._race(mode="any")

        async def before(request: StepRequest) -> None:
            if request.node.id == "slow":
                await asyncio.sleep(0.02)

        world.before = before
        assert (await world.run()).output == "fast"
        assert "step.succeeded slow" in world.kinds

    async def test_n_of_m_takes_those_that_came_first(self) -> None:
        nodes = [START, *[node(name, "read", value=name) for name in "abc"]]
        nodes += [node("both", "logic.join", mode="n_of_m", n=2), node("end", "output.result", leave=[])]
        arrows = ["start > a", "start > b", "start > c", "a > both", "b > both", "c > both", "both > end"]
        world = World(plan_of(nodes, arrows))

        async def before(request: StepRequest) -> None:
            await asyncio.sleep(0.03 if request.node.id == "a" else 0)

        world.before = before
        assert (await world.run()).output == {"b": "b", "c": "c"}

    async def test_too_few_branches_are_a_located_error(self) -> None:
        nodes = [START, node("a", leave=["other"]), node("b"), node("both", "logic.join", mode="n_of_m", n=2)]
        world = World(plan_of(nodes, ["start > a", "start > b", "a > both", "b > both"]))
        error: Any = (await world.run()).error
        assert (error["node"], error["code"]) == ("both", "join.too_few")

    def _race(self, **params: Any) -> World:
        nodes = [START, node("fast", "read", value="fast"), node("slow", "read", value="slow")]
        nodes += [node("both", "logic.join", **params), node("end", "output.result", leave=[])]
        return World(
            plan_of(nodes, ["start > fast", "start > slow", "fast > both", "slow > both", "both > end"])
        )
