"""Types hold at run time: what the checker says of a value is true of every run, and what it forbids really fails."""

import asyncio
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.flows import codec
from app.flows.check import Problem, check
from app.flows.check.certainty import Certainty
from app.flows.check.graph import Graph
from app.flows.check.schemas import Schemas
from app.flows.check.shapes import kinds
from app.flows.document import Flow
from app.flows.memory import MemoryJournal
from app.flows.plan import compile
from app.flows.templates import is_template, strings
from app.nodes.catalog import CATALOG
from tests.unit.interpreter.test_laws import replay
from tests.unit.interpreter.world import RUN, World, started

INPUT = {"n": 3, "s": "three", "b": True, "l": [1, 2], "o": {"k": "x", "n": 1}, "none": None}
INPUTS = {
    "type": "object",
    "properties": {
        "n": {"type": "number"},
        "s": {"type": "string"},
        "b": {"type": "boolean"},
        "l": {"type": "array", "items": {"type": "integer"}},
        "o": {"type": "object", "properties": {"k": {"type": "string"}, "n": {"type": "integer"}}},
        "none": {"type": "null"},
    },
}
STATE = {
    "n": {"type": "number", "default": 0},
    "s": {"type": "string", "default": ""},
    "l": {"type": "array", "items": {"type": "number"}, "default": []},
}
# How a run fails when a value is of another type than its place takes. That a text is no duration is no such failure.
OF_TYPE = frozenset(
    {
        "params.invalid", "condition.unlike_types", "map.not_a_list", "set.not_a_number", "set.not_a_list",
        "result.does_not_fit",
    }
)  # fmt: skip
ALARMS = frozenset({"reference.type_mismatch", "condition.unlike_types"})
LITERALS = (1, "a", True, [1, 2], {"k": 1}, None)
EVERYWHERE = (
    *(f"{{{{ trigger.{name} }}}}" for name in INPUT), "{{ trigger.o.k }}", "{{ trigger.l[0] }}", "{{ input }}",
    "{{ state.n }}", "{{ state.s }}", "{{ state.l }}", "{{ trigger.n | plus: 1 }}", "at {{ trigger.n }}",
)  # fmt: skip
KINDS = ("string", "number", "boolean", "array", "object", "null")


class _Drawing:
    """A flow drawn forwards: each node reads what stands before it, whatever its type."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.nodes: list[dict[str, Any]] = [{"id": "t", "type": "trigger.call"}]
        self.edges: list[dict[str, Any]] = []

    def value(self, inside: str | None) -> Any:
        known = [
            each["id"]
            for each in self.nodes[1:]
            if each.get("parent") in (None, inside) and each["id"] != inside
        ]
        more = [f"{{{{ nodes.{each}{part} }}}}" for each in known for part in ("", ".v", ".results", ".last")]
        around = ["{{ item }}", "{{ index }}"] if inside and inside.startswith("map") else []
        around += ["{{ iteration }}"] if inside and inside.startswith("loop") else []
        return self.draw(st.sampled_from([*EVERYWHERE, *LITERALS, *more, *more, *around, *around]))

    def add(self, kind: str, inside: str | None = None) -> str:
        draw, node_id = self.draw, f"{kind}{len(self.nodes)}"
        value = self.value(inside)
        case = {
            "left": value,
            "op": draw(st.sampled_from(["eq", "gt", "in", "contains"])),
            "right": self.value(inside),
        }
        target = draw(st.sampled_from(["n", "s", "l"]))
        params: dict[str, Any] = {
            "set": {"output": draw(st.sampled_from([value, {"v": value}]))},
            "assign": {
                "assign": {
                    f"state.{target}": draw(st.sampled_from([value, {"plus": value}, {"append": value}]))
                }
            },
            "if": {"cases": [{"id": "yes", "when": case}]},
            "rules": {"rows": [{"when": case, "outcome": "yes", "output": value}]},
            "map": {"items": value, "max_parallel": 2},
            "loop": {"until": case, "max_iterations": 2},
            "wait": {"for_s": draw(st.sampled_from([0, value]))},
            "result": {"value": value, "schema": {"type": draw(st.sampled_from(KINDS))}},
        }[kind]
        policy = draw(
            st.sampled_from([{}, {}, {"on_error": "port"}, {"on_error": "default", "default": {"v": 1}}])
        )
        self.nodes.append(
            {"id": node_id, "type": TYPES[kind], "params": params, "policy": policy, "parent": inside}
        )
        return node_id

    def edge(self, source: str, target: str, port: str = "out") -> None:
        self.edges.append(
            {"id": f"e{len(self.edges)}", "source": source, "source_port": port, "target": target}
        )


TYPES = {
    "set": "logic.set", "assign": "logic.set", "if": "logic.if", "rules": "logic.rules", "map": "logic.map",
    "loop": "logic.loop", "wait": "time.wait", "result": "output.result",
}  # fmt: skip
PORTS = {"if": ("yes", "else"), "rules": ("yes", "else"), "map": ("done",), "loop": ("done", "exhausted")}


@st.composite
def typed_flows(draw: st.DrawFn) -> Flow:
    drawing = _Drawing(draw)
    leads = [("t", "out")]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([*TYPES]))
        sources = draw(st.lists(st.sampled_from(leads), min_size=1, max_size=2, unique=True))
        node_id = drawing.add(kind)
        for source, port in sources:
            drawing.edge(source, node_id, port)
        if kind in ("map", "loop"):
            before, port = node_id, "item" if kind == "map" else "body"
            for inner in draw(st.lists(st.sampled_from(["set", "if", "assign"]), min_size=1, max_size=2)):
                body = drawing.add(inner, node_id)
                drawing.edge(before, body, port)
                before, port = body, PORTS.get(inner, ("out",))[0]
        leads += [(node_id, port) for port in PORTS.get(kind, ("out",)) if kind != "result"]
        if drawing.nodes[-1]["policy"].get("on_error") == "port" and kind not in ("map", "loop"):
            leads.append((node_id, "error"))
    document = {"schema": "flow/1", "kind": "task", "inputs": INPUTS, "state": STATE}
    return codec.parse(document | {"nodes": drawing.nodes, "edges": drawing.edges})


def run(flow: Flow) -> World:
    """The whole run, with whatever it fails by. Waits of a moment are over at once."""
    journal = MemoryJournal()
    first = {name: each["default"] for name, each in STATE.items()}
    journal.runs[RUN] = [started("t", INPUT, state=first)]
    world = World(compile(flow, CATALOG), journal=journal)
    asyncio.run(world.run())
    return world


def failures(world: World) -> Iterator[tuple[str, str]]:
    """(node, code) of every step that failed, also of those whose policy had an answer."""
    for event in world.events:
        error = event.get("error")
        if error and event["type"] in ("step.failed", "step.succeeded"):
            yield event["node"], error["code"]


def schemas_of(flow: Flow) -> Schemas:
    graph = Graph(flow, CATALOG)
    return Schemas(graph, Certainty(graph), {})


def uncertain(flow: Flow, schemas: Schemas, node_id: str) -> bool:
    """Whether some value that the node reads may be of several kinds, as far as can be known."""
    node = flow.node(node_id)
    assert node is not None
    known = [kinds(schemas.of(node_id, source)) for _, source in strings(node.params) if is_template(source)]
    return any(each is None or len(each) > 1 for each in known)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(typed_flows())
def test_types_hold_at_run_time(flow: Flow) -> None:
    problems = check(flow, CATALOG)
    errors = [each for each in problems if each.severity == "error"]
    if not errors:
        world = run(flow)
        values_are_what_was_said_of_them(flow, world)
        if not problems:
            nothing_fails_by_types_that_are_known(flow, world)
    elif all(each.code in ALARMS and "assign" not in (each.param or "") for each in errors):
        what_is_forbidden_fails(errors, run(flow))


def values_are_what_was_said_of_them(flow: Flow, world: World) -> None:
    schemas = schemas_of(flow)
    outputs = {
        (event["node"], event["path"]): event["output"]
        for event in world.events
        if event["type"] == "step.succeeded" and not event.get("error")
    }
    outputs |= {(name, ""): value for name, value in replay(world.plan, world.events).outputs.items()}
    for (node_id, _), value in outputs.items():
        failed = schemas.may_fail(node_id) and isinstance(value, dict) and "kind" in value
        if not failed:
            fault = next(Draft202012Validator(schemas.output(node_id)).iter_errors(value), None)
            assert fault is None, (node_id, value, fault)


def nothing_fails_by_types_that_are_known(flow: Flow, world: World) -> None:
    schemas = schemas_of(flow)
    for node_id, code in failures(world):
        assert code not in OF_TYPE or uncertain(flow, schemas, node_id), (node_id, code)


def what_is_forbidden_fails(errors: list[Problem], world: World) -> None:
    """No false alarm: a node with one, where it is performed, fails."""
    failed = {
        node
        for node, code in failures(world)
        if code in OF_TYPE | {"template.missing", "time.not_a_duration"}
    }
    ended = ("step.succeeded", "step.failed")
    performed = {event["node"] for event in world.events if event["type"] in ended}
    assert {each.node for each in errors} & performed <= failed
