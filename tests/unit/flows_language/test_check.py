"""`check` finds every kind of problem with its place, stays silent on sound flows and never raises."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from app.flows import codec
from app.flows.check import Problem, check
from app.flows.document import Flow
from app.i18n import section
from app.nodes.catalog import CATALOG
from tests.unit.flows_language.documents import flows

ROOT = Path(__file__).parents[3]
EXAMPLE = Path(__file__).parent / "support_triage.flow.json"
CHAT = {"id": "t", "type": "trigger.chat"}
IF = {"id": "fork", "type": "logic.if", "params": {"cases": [{"id": "yes", "when": {"left": "{{ trigger.message }}", "op": "eq", "right": "x"}}]}}  # fmt: skip


def say(node_id: str, text: str = "hi", **parts: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "channel.send", "params": {"text": text}, **parts}


def flow(*nodes: dict[str, Any], edges: str = "", **parts: Any) -> Flow:
    """`edges` reads "t>a fork.yes>b"."""
    drawn = []
    for index, each in enumerate(edges.split()):
        start, _, target = each.partition(">")
        source, _, port = start.partition(".")
        drawn.append({"id": f"e{index}", "source": source, "source_port": port or "out", "target": target})
    return codec.parse({"schema": "flow/1", "kind": "agent", "nodes": list(nodes), "edges": drawn, **parts})


def found(document: Flow) -> list[Problem]:
    return check(document, CATALOG)


def test_the_worked_example_has_only_the_types_that_are_not_installed() -> None:
    problems = found(codec.load(EXAMPLE.read_text(encoding="utf-8")))
    assert {problem.code for problem in problems} <= {"node.unknown_type"}


TEMPLATES = sorted((ROOT / "app" / "services" / "templates").rglob("*.flow.json"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_flows_people_start_from_are_sound(path: Path) -> None:
    assert found(codec.load(path.read_text(encoding="utf-8"))) == []


CALL = {"id": "t", "type": "trigger.call"}
LIST = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "object", "properties": {"name": {}}}}},
}
EACH = {"id": "each", "type": "logic.map", "params": {"items": "{{ input.rows }}", "max_parallel": 2}}
LOOP = {
    "id": "loop",
    "type": "logic.loop",
    "params": {"until": {"left": "{{ iteration }}", "op": "gte", "right": 2}},
}
LLM = {"id": "llm", "type": "ai.llm", "params": {"model": "m", "prompt": "p"}}
JOIN = {"id": "j", "type": "logic.join"}


def mapped(*nodes: dict[str, Any], edges: str = "t>each each.item>a", each: dict[str, Any] = EACH) -> Flow:
    return flow(CALL, each, *nodes, edges=edges, kind="task", inputs=LIST)


def inner(text: str, parent: str = "each") -> dict[str, Any]:
    return say("a", text, parent=parent)


BRANCH = "t>fork fork.yes>a fork.else>b a>c b>c"
CASES: dict[str, tuple[Flow, dict[str, Any]]] = {
    "no trigger": (flow(say("a")), {"code": "trigger.missing"}),
    "nothing at all": (flow(), {"code": "trigger.missing"}),
    "two of one kind": (flow(CHAT, {"id": "u", "type": "trigger.chat"}), {"code": "trigger.repeated", "node": "u"}),
    "another kind's trigger": (flow({"id": "t", "type": "trigger.call"}), {"code": "trigger.unusual", "severity": "warning"}),
    "cycle": (flow(CHAT, say("a"), say("b"), edges="t>a a>b b>a"), {"code": "graph.cycle", "node": "a"}),
    "self loop": (flow(CHAT, say("a"), edges="t>a a>a"), {"code": "graph.cycle", "node": "a"}),
    "duplicate node": (flow(CHAT, say("a"), say("a"), edges="t>a"), {"code": "node.duplicate_id", "node": "a"}),
    "dangling edge": (flow(CHAT, edges="t>zz"), {"code": "edge.dangling", "edge": "e0"}),
    "no such output": (flow(CHAT, say("a"), edges="t.left>a"), {"code": "edge.unknown_port", "node": "t", "edge": "e0"}),
    "closed error output": (flow(CHAT, say("a"), say("b"), edges="t>a a.error>b"), {"code": "edge.error_port_closed", "edge": "e1"}),
    "unused error output": (flow(CHAT, say("a", policy={"on_error": "port"}), edges="t>a"), {"code": "policy.error_port_unused", "severity": "warning", "node": "a"}),
    "edge into a trigger": (flow(CHAT, say("a"), edges="t>a a>t"), {"code": "edge.into_trigger", "edge": "e1"}),
    "unreachable": (flow(CHAT, say("a")), {"code": "node.unreachable", "severity": "warning", "node": "a"}),
    "unknown type": (flow(CHAT, {"id": "a", "type": "kb.nothing"}, edges="t>a"), {"code": "node.unknown_type", "node": "a"}),
    "newer version": (flow(CHAT, say("a", v=99), edges="t>a"), {"code": "node.newer_version", "node": "a"}),
    "no such parent": (flow(CHAT, say("a", parent="zz"), edges="t>a"), {"code": "parent.unknown", "node": "a"}),
    "parent that holds nothing": (flow(CHAT, say("a"), say("b", parent="a"), edges="t>a a>b"), {"code": "parent.not_container", "node": "b"}),
    "missing param": (flow(CHAT, {"id": "a", "type": "channel.send"}, edges="t>a"), {"code": "params.missing", "param": "text"}),
    "unknown param": (flow(CHAT, say("a") | {"params": {"text": "x", "mood": 1}}, edges="t>a"), {"code": "params.unknown", "param": "mood"}),
    "value not offered": (flow(CHAT, {"id": "a", "type": "http.request", "params": {"url": "https://a.b", "method": "BREW"}}, edges="t>a"), {"code": "params.not_allowed", "param": "method"}),
    "out of range": (flow(CHAT, {"id": "a", "type": "ai.llm", "params": {"model": "m", "prompt": "p", "temperature": 9}}, edges="t>a"), {"code": "params.out_of_range", "param": "temperature"}),
    "what the type itself asks": (flow(CHAT, {"id": "a", "type": "ai.llm", "params": {"model": "m"}}, edges="t>a"), {"code": "params.missing", "param": "prompt"}),
    "no ports": (flow(CHAT, IF | {"params": {"cases": []}}, edges="t>fork"), {"code": "ports.empty", "param": "cases"}),
    "condition": (flow(CHAT, IF | {"params": {"cases": [{"id": "yes", "when": {"left": "a", "op": "like", "right": 1}}]}}, edges="t>fork"), {"code": "condition.unknown_op", "param": "cases[0].when.op"}),
    "template in a condition": (flow(CHAT, IF | {"params": {"cases": [{"id": "yes", "when": {"left": "{{ input.nope }}", "op": "exists"}}]}}, edges="t>fork"), {"code": "reference.unknown_field", "param": "cases[0].when.left", "range": (3, 13)}),
    "template syntax": (flow(CHAT, say("a", "Hi {{ input.message"), edges="t>a"), {"code": "template.syntax", "param": "text", "range": (3, 19)}),
    "unknown filter": (flow(CHAT, say("a", "{{ input.message | shout }}"), edges="t>a"), {"code": "template.unknown_filter", "range": (19, 24)}),
    "over the limit": (flow(CHAT, say("a", "{{ input.message }}" + "x" * 100_001), edges="t>a"), {"code": "template.limit", "param": "text"}),
    "unknown name": (flow(CHAT, say("a", "Hi {{ customer.name }}"), edges="t>a"), {"code": "reference.unknown_name", "range": (6, 19)}),
    "unknown node": (flow(CHAT, say("a", "{{ nodes.zz.text }}"), edges="t>a"), {"code": "reference.unknown_node", "range": (3, 16)}),
    "unknown output field": (flow(CHAT, say("a"), say("b", "{{ nodes.a.colour }}"), edges="t>a a>b"), {"code": "reference.unknown_field", "node": "b"}),
    "unknown field of a trigger": (flow(CHAT, say("a", "{{ trigger.colour }}"), edges="t>a"), {"code": "reference.unknown_field"}),
    "field of a text": (flow(CHAT, say("a", "{{ trigger.message.colour }}"), edges="t>a"), {"code": "reference.unknown_field"}),
    "unknown input": (flow({"id": "t", "type": "trigger.call"}, say("a", "{{ input.nope }}"), edges="t>a", kind="task", inputs={"type": "object", "properties": {"city": {"type": "string"}}}), {"code": "reference.unknown_field"}),
    "unknown run field": (flow(CHAT, say("a", "{{ run.colour }}"), edges="t>a"), {"code": "reference.unknown_field"}),
    "later node": (flow(CHAT, say("a", "{{ nodes.b.text }}"), say("b"), edges="t>a a>b"), {"code": "reference.not_upstream", "node": "a"}),
    "itself": (flow(CHAT, say("a", "{{ nodes.a.text }}"), edges="t>a"), {"code": "reference.not_upstream", "node": "a"}),
    "skipped by a path": (flow(CHAT, IF, say("a"), say("b"), say("c", "{{ nodes.a.text }}"), edges=BRANCH), {"code": "reference.may_be_skipped", "node": "c", "range": (3, 15)}),
    "unknown state": (flow(CHAT, say("a", "{{ state.score }}"), edges="t>a"), {"code": "reference.unknown_state"}),
    "assignment to unknown state": (flow(CHAT, {"id": "a", "type": "logic.set", "params": {"assign": {"state.score": 1}}}, edges="t>a"), {"code": "reference.unknown_state", "param": "assign.state.score"}),
    "item outside a map": (flow(CHAT, say("a", "{{ item.x }}"), edges="t>a"), {"code": "reference.only_inside"}),
    "unknown slot": (flow(CHAT, {"id": "a", "type": "http.request", "params": {"url": "https://a.b", "credential": "crm"}}, edges="t>a"), {"code": "credential.unknown_slot", "param": "credential"}),
    "retries of what is never repeated": (flow(CHAT, {"id": "a", "type": "http.request", "params": {"url": "https://a.b", "method": "POST"}, "policy": {"retry": {"max": 2}}}, edges="t>a"), {"code": "policy.retry_of_unsafe", "severity": "warning"}),
    "into a body from outside": (mapped(inner("x"), edges="t>each t>a"), {"code": "edge.crosses_border", "node": "a"}),
    "out of a body": (mapped(inner("x"), say("b"), edges="t>each each.item>a a>b"), {"code": "edge.crosses_border", "node": "b"}),
    "an item's port leads outside": (mapped(say("b"), edges="t>each each.item>b"), {"code": "edge.crosses_border", "node": "b"}),
    "containers in each other": (flow(CHAT, EACH | {"parent": "loop"}, LOOP | {"parent": "each"}), {"code": "parent.cycle", "node": "each"}),
    "trigger in a body": (mapped(inner("x"), CHAT | {"id": "u", "parent": "each"}), {"code": "trigger.inside", "node": "u"}),
    "model calls without a bound or a budget": (flow(CHAT, LOOP, LLM | {"parent": "loop"}, edges="t>loop loop.body>llm"), {"code": "budget.missing", "severity": "warning", "node": "llm"}),
    "a webhook's slot": (flow({"id": "t", "type": "trigger.webhook", "params": {"path": "x", "auth": {"kind": "bearer", "credential": "door"}}}, kind="rule"), {"code": "credential.unknown_slot", "severity": "warning", "param": "auth.credential"}),
    "a loop's condition": (flow(CHAT, LOOP | {"params": {"until": {"left": "a", "op": "like", "right": 1}}}, inner("x", "loop"), edges="t>loop loop.body>a"), {"code": "condition.unknown_op", "node": "loop", "param": "until.op"}),
    "empty body": (mapped(edges="t>each"), {"code": "container.empty", "severity": "warning", "node": "each"}),
    "effects without a bound": (mapped(inner("x"), each=EACH | {"params": {"items": "{{ input.rows }}"}}), {"code": "map.effects_unbounded", "severity": "warning", "node": "a"}),
    "the container from inside": (mapped(inner("{{ nodes.each.results }}")), {"code": "reference.still_open", "node": "a"}),
    "a body from outside": (mapped(inner("x"), say("b", "{{ nodes.a.text }}"), edges="t>each each.item>a each.done>b"), {"code": "reference.not_upstream", "node": "b"}),
    "field of an item": (mapped(inner("{{ item.colour }}")), {"code": "reference.unknown_field", "node": "a"}),
    "field of a body's input": (mapped(inner("{{ input.colour }}")), {"code": "reference.unknown_field", "node": "a"}),
    "outer of a single map": (mapped(inner("{{ outer.item }}")), {"code": "reference.only_inside", "node": "a"}),
    "iteration in a map": (mapped(inner("{{ iteration }}")), {"code": "reference.only_inside", "node": "a"}),
    "while and until": (flow(CHAT, LOOP | {"params": {"max_iterations": 2}}, edges="t>loop"), {"code": "params.invalid", "node": "loop"}),
    "more branches than there are": (flow(CHAT, say("a"), JOIN | {"params": {"mode": "n_of_m", "n": 2}}, edges="t>a a>j"), {"code": "join.never_enough", "node": "j", "param": "n"}),
    "behind an early join": (flow(CHAT, say("a"), say("b"), JOIN, say("c", "{{ nodes.a.text }}"), edges="t>a t>b a>j b>j j>c"), {"code": "reference.may_be_skipped", "node": "c"}),
    "inputs": (flow(CHAT, inputs={"type": "nothing"}), {"code": "inputs.malformed"}),
    "state": (flow(CHAT, state={"x": {"scope": "world"}}), {"code": "state.malformed"}),
}  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES)
def test_a_problem_is_found_in_its_place(document: Flow, expected: dict[str, Any]) -> None:
    wanted = {"severity": "error"} | expected
    shown = [{name: getattr(problem, name) for name in wanted} for problem in found(document)]
    assert wanted in shown


PARALLEL = "t>a t>b a>c b>c"
SOUND = {
    "a default for what may be skipped": flow(CHAT, IF, say("a"), say("b"), say("c", "{{ nodes.a.text | default: '' }}"), edges=BRANCH),
    "what ran before the fork": flow(CHAT, say("p"), IF, say("a"), say("b"), say("c", "{{ nodes.p.text }}"), edges="t>p p>fork fork.yes>a fork.else>b a>c b>c"),
    "both sides of a join of parallel paths": flow(CHAT, say("a"), say("b"), say("c", "{{ nodes.a.text }}{{ nodes.b.text }}"), edges=PARALLEL),
    "an open error output": flow(CHAT, say("a", policy={"on_error": "port"}), say("b", "{{ input.message }}"), edges="t>a a.error>b"),
    "the input handed on": flow(CHAT, IF, say("a", "{{ input.message }}"), edges="t>fork fork.yes>a fork.else>a"),
    "declared state": flow(CHAT, say("a", "{{ state.score }}"), edges="t>a", state={"score": {"type": "number", "default": 0}}),
    "an item and its index": mapped(inner("{{ index }} {{ item.name }}")),
    "items of an item": flow(CALL, EACH, EACH | {"id": "in", "parent": "each", "params": {"items": "{{ item.cells }}", "max_parallel": 1}}, say("a", "{{ item }} {{ outer.item.name }}", parent="in"), edges="t>each each.item>in in.item>a", kind="task"),
    "a round's number": flow(CHAT, LOOP, inner("{{ iteration }}", "loop"), edges="t>loop loop.body>a"),
    "what ran before a map": flow(CHAT, say("p"), EACH | {"params": {"items": "{{ trigger.attachments }}", "max_parallel": 1}}, inner("{{ nodes.p.text }}"), edges="t>p p>each each.item>a"),
    "an early join's own value": flow(CHAT, say("a"), say("b"), JOIN, say("c", "{{ input.text }} {{ trigger.message }}"), edges="t>a t>b a>j b>j j>c"),
    "names of the run": flow(CHAT, say("a", "{{ run.id }} {{ run.started_at }} {{ contact.name }}"), edges="t>a"),
    "a loop's own name": flow(CHAT, say("a", "{% for x in trigger.attachments %}{{ x.url }}{% endfor %}"), edges="t>a"),
    "effects for each of a few": mapped(inner("x"), each=EACH | {"params": {"items": [1, 2, 3]}}),
    "effects that do not happen": mapped(inner("x") | {"policy": {"mock": {}}}, each=EACH | {"params": {"items": "{{ input.rows }}"}}),
    "effects for at most so many": flow(CALL, EACH | {"params": {"items": "{{ input.few }}"}}, inner("x"), edges="t>each each.item>a", kind="task", inputs={"type": "object", "properties": {"few": {"type": "array", "maxItems": 3}}}),
    "model calls within a budget": flow(CHAT, LOOP, LLM | {"parent": "loop"}, edges="t>loop loop.body>llm", settings={"budget_usd": 1}),
    "model calls that are counted": flow(CHAT, LOOP | {"params": {**LOOP["params"], "max_iterations": 3}}, LLM | {"parent": "loop"}, edges="t>loop loop.body>llm"),  # type: ignore[dict-item]
    "a template where a number is asked": flow(CHAT, {"id": "a", "type": "http.request", "params": {"url": "https://a.b", "query": "{{ trigger.contact }}"}}, edges="t>a"),
}  # fmt: skip


@pytest.mark.parametrize("document", SOUND.values(), ids=SOUND)
def test_what_is_sound_is_left_alone(document: Flow) -> None:
    assert found(document) == []


@settings(max_examples=300, deadline=None)
@given(flows())
def test_no_document_makes_it_raise(document: Flow) -> None:
    for problem in found(document):
        assert problem.node is None or document.node(problem.node) is not None


def test_every_problem_has_a_sentence_whose_names_are_filled() -> None:
    sentences = section("en", "problems")
    for document, _ in CASES.values():
        for problem in found(document):
            text = sentences[f"problem.{problem.code}"]
            assert "{" not in text.format_map(dict(problem.context)), problem


def test_a_thousand_nodes_are_checked_while_a_person_types() -> None:
    steps = [
        say(f"n{index}", f"{{{{ nodes.n{index - 1}.text }}}} {index}" if index else "start")
        for index in range(1_000)
    ]
    edges = "t>n0 " + " ".join(f"n{index}>n{index + 1}" for index in range(999))
    document = flow(CHAT, *steps, edges=edges)
    assert found(document) == []
    quickest = 9.0
    for _ in range(5):
        start = time.process_time()
        found(document)
        quickest = min(quickest, time.process_time() - start)
    assert quickest < 0.1, json.dumps({"seconds": quickest})


SPREAD = {**EACH, "params": {**EACH["params"], "spread": True}}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "logic.set", "params": {"assign": {"state.n": 1}}},
        {"type": "output.result", "params": {"value": 1}},
        {"type": "logic.stop", "params": {}},
        {"type": "channel.ask", "params": {"question": "?"}},
        {"type": "channel.send", "params": {"text": "!"}},
        {"type": "time.wait_event", "params": {"events": [{"id": "reply"}]}},
    ],
    ids=lambda body: body["type"],
)
def test_a_map_that_spreads_touches_nothing_of_the_one_run(body: dict[str, Any]) -> None:
    inside = {"id": "body", "parent": "each", **body}
    state = {"n": {"type": "number", "default": 0, "scope": "run"}}
    spread = found(flow(CALL, SPREAD, inside, edges="t>each each.item>body", inputs=LIST, state=state))
    problem = next(each for each in spread if each.code == "map.cannot_spread")
    assert (problem.severity, problem.node, problem.context["map"]) == ("error", "body", "each")
    alone = found(flow(CALL, EACH, inside, edges="t>each each.item>body", inputs=LIST, state=state))
    assert "map.cannot_spread" not in {each.code for each in alone}


def test_a_map_that_spreads_may_wait_and_act() -> None:
    inside = [
        {
            "id": "body",
            "parent": "each",
            "type": "time.wait_event",
            "params": {"events": [{"id": "hook", "kind": "webhook"}]},
        },
        {"id": "made", "parent": "each", "type": "logic.set", "params": {"output": "{{ item.name }}"}},
    ]
    document = flow(CALL, SPREAD, *inside, edges="t>each each.item>body body.hook>made", inputs=LIST)
    assert "map.cannot_spread" not in {each.code for each in found(document)}
