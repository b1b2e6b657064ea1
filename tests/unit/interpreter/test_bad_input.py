"""What a run does with values and graphs that would go on for ever: a located error, within bounds, nothing lost."""

import time
from typing import Any

import pytest

from app.flows import codec
from app.flows.drive import DriveResult, drive
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.perform import make_perform
from app.flows.plan import compile
from app.nodes.catalog import CATALOG
from tests.unit.interpreter.world import NOW, RUN, World, edge, node, plan_of, started


async def run(nodes: list[Any], arrows: list[str], given: Any = None) -> tuple[DriveResult, list[Any]]:
    """A flow of the product's own node types, begun by `trigger.call`."""
    call = {"id": "call", "type": "trigger.call"}
    document = {"schema": "flow/1", "nodes": [call, *nodes], "edges": [edge(arrow) for arrow in arrows]}
    plan, journal = compile(codec.parse(document), CATALOG), MemoryJournal()
    journal.runs[RUN] = [started("call", given)]
    perform = make_perform(plan, lambda _request: {})
    result = await drive(plan, RUN, journal, MemorySink(), perform, lambda: NOW)
    return result, journal.runs[RUN]


def step(node_id: str, node_type: str, parent: str | None = None, **params: Any) -> dict[str, Any]:
    params = {name.rstrip("_"): value for name, value in params.items()}
    return {"id": node_id, "type": node_type, "params": params, "parent": parent}


FOR_EVER = {"left": 1, "op": "eq", "right": 1}


def rounds(body: list[Any], arrows: list[str], count: int = 10_000) -> tuple[list[Any], list[str]]:
    again = step("again", "logic.loop", while_=FOR_EVER, max_iterations=count)
    return [again, *body], ["call > again", *arrows]


class TestGrowth:
    """Values that double with every round, by whatever way they do."""

    async def _fails(self, nodes: list[Any], arrows: list[str], where: str) -> Any:
        began = time.process_time()
        result, events = await run(nodes, arrows, "x")
        assert time.process_time() - began < 60
        error: Any = result.error
        assert result.status == "failed"
        assert (error["node"], error["kind"]) == (where, "invalid_input"), error
        assert error["place"].startswith("again["), "it says in which round"
        assert events[-1]["type"] == "run.failed"
        return error

    async def test_a_text_put_together_with_itself(self) -> None:
        body = [step("grow", "logic.set", "again", output="{{ input }}{{ input }}")]
        error = await self._fails(*rounds(body, ["again.body > grow"]), "grow")
        assert error["param"] == "output"

    async def test_an_object_that_holds_its_input_twice(self) -> None:
        body = [step("grow", "logic.set", "again", output={"a": "{{ input }}", "b": "{{ input }}"})]
        error = await self._fails(*rounds(body, ["again.body > grow"]), "grow")
        assert error["code"] == "step.output_too_large"

    async def test_a_variable_appended_to_itself(self) -> None:
        body = [step("grow", "logic.set", "again", assign={"state.x": {"append": "{{ state.x }}"}})]
        nodes, arrows = rounds(body, ["again.body > grow"])
        first = step("first", "logic.set", assign={"state.x": []})
        arrows = ["call > first", "first > again", *arrows[1:]]
        error = await self._fails([first, *nodes], arrows, "grow")
        assert error["code"] in ("step.output_too_large", "step.output_too_deep")

    async def test_two_branches_that_meet(self) -> None:
        """Nothing is rendered here: `input` is an object of both."""
        yes = {"cases": [{"id": "yes", "when": FOR_EVER}]}
        body = [
            step("a", "logic.if", "again", **yes),
            step("b", "logic.if", "again", **yes),
            step("both", "logic.join", "again", mode="n_of_m", n=2),
        ]
        arrows = ["again.body > a", "again.body > b", "a.yes > both", "b.yes > both"]
        assert (await self._fails(*rounds(body, arrows), "both"))["code"] == "step.output_too_large"

    async def test_a_list_that_is_nested_once_more_each_round(self) -> None:
        body = [step("grow", "logic.set", "again", output=["{{ input }}"])]
        error = await self._fails(*rounds(body, ["again.body > grow"]), "grow")
        assert (error["code"], error["context"]["limit"]) == ("step.output_too_deep", 200)

    async def test_the_policy_has_an_answer_to_it(self) -> None:
        grow = step("grow", "logic.set", "again", output=["{{ input }}"])
        grow["policy"] = {"on_error": "default", "default": "enough"}
        nodes, arrows = rounds([grow], ["again.body > grow"], 205)
        result, _ = await run(nodes, arrows, "x")
        assert result.status == "succeeded"


class TestTemplates:
    @pytest.mark.parametrize(
        "source",
        [
            "{% for a in (1..9999) %}{% for b in (1..9999) %}x{% endfor %}{% endfor %}",
            "{% for a in (1..99999999999) %}{{ a }}{% endfor %}",
            "{{ (1..99999999) | join: ',' }}",
            "{% assign x = 'xxxxxxxxxx' %}" + "{% assign x = x | append: x %}" * 60 + "{{ x | size }}",
            "{% capture x %}xxxxxxxxxx{% endcapture %}"
            + "{% capture x %}{{ x }}{{ x }}{% endcapture %}" * 60
            + "{{ x | size }}",
            "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | replace: 'a', x %}" * 12 + "{{ x | size }}",
            "{% assign l = 'a,a,a,a,a,a,a,a' | split: ',' %}"
            + "{% assign l = l | concat: l %}" * 40
            + "{{ l | size }}",
            "{{ 'x' | times: 999999999 }}",
            "{% assign n = 99999 %}" + "{% assign n = n | times: n %}" * 60 + "{{ n }}",
            "{{ (1..99999999) | reverse | first }}",
            "{% assign l = 'a' | split: '' | concat: (1..99999999) %}{{ l | size }}",
        ],
    )
    async def test_a_bomb_is_refused_in_little_time(self, source: str) -> None:
        began = time.process_time()
        result, events = await run([step("bomb", "logic.set", output=source)], ["call > bomb"])
        assert time.process_time() - began < 20
        assert events[-1]["type"] in ("run.failed", "run.succeeded")
        if result.status == "failed":
            error: Any = result.error
            assert (error["node"], error["kind"], error["param"]) == ("bomb", "invalid_input", "output")


class TestReferences:
    async def test_a_reference_to_a_skipped_node_names_node_param_and_path(self) -> None:
        cases = [{"id": "yes", "when": {"left": 1, "op": "eq", "right": 2}}]
        nodes = [
            step("if", "logic.if", cases=cases),
            step("skipped", "logic.set", output="value"),
            step("uses", "logic.set", output={"deep": ["{{ nodes.skipped }}"]}),
        ]
        result, _ = await run(nodes, ["call > if", "if.yes > skipped", "if.else > uses"])
        error: Any = result.error
        assert (error["node"], error["param"], error["path"]) == ("uses", "output.deep[0]", "nodes.skipped")

    async def test_a_default_is_the_answer_to_it(self) -> None:
        cases = [{"id": "yes", "when": {"left": 1, "op": "eq", "right": 2}}]
        nodes = [
            step("if", "logic.if", cases=cases),
            step("skipped", "logic.set", output="value"),
            step("uses", "output.result", value="{{ nodes.skipped | default: 'none' }}"),
        ]
        result, _ = await run(nodes, ["call > if", "if.yes > skipped", "if.else > uses"])
        assert result.output == "none"


class TestMaps:
    @pytest.mark.parametrize(
        ("items", "found"),
        [("text", "text"), ({"a": 1}, "object"), (7, "number"), (None, "null"), (True, "boolean")],
    )
    async def test_what_is_no_list_is_located(self, items: Any, found: str) -> None:
        nodes = [
            step("each", "logic.map", items="{{ input.items }}"),
            step("body", "logic.set", "each", output=1),
        ]
        result, _ = await run(nodes, ["call > each", "each.item > body"], {"items": items})
        error: Any = result.error
        assert (error["node"], error["code"], error["param"]) == ("each", "map.not_a_list", "items")
        assert error["context"]["found"] == found

    async def test_too_many_items_are_refused_before_any_is_done(self) -> None:
        nodes = [
            step("each", "logic.map", items="{{ input.items }}"),
            step("body", "logic.set", "each", output=1),
        ]
        result, events = await run(nodes, ["call > each", "each.item > body"], {"items": list(range(10_001))})
        error: Any = result.error
        assert (error["code"], error["context"]["limit"]) == ("map.too_long", 10_000)
        assert not [each for each in events if each.get("node") == "body"]


async def test_a_loop_without_end_ends_by_its_own_bound_and_by_the_step_budget() -> None:
    nodes = [
        node("start", "start"),
        node("again", "logic.loop", while_=FOR_EVER, max_iterations=10_000),
        node("body", "read", parent="again"),
    ]
    world = World(plan_of(nodes, ["start > again", "again.body > body"], step_budget=50))
    result: Any = await world.run()
    assert (result.status, result.error["code"], result.error["kind"]) == (
        "failed",
        "run.step_budget",
        "budget",
    )
    assert len(world.performed) <= 50
