"""The checker follows types through a flow: what can never fit is a located problem, what may fit is left alone."""

from typing import Any

import pytest

from app.flows.check import Contract, check
from app.flows.document import Flow
from app.nodes.catalog import CATALOG
from tests.unit.flows_language.test_check import CHAT, IF, LOOP, flow, found, say

CALL = {"id": "t", "type": "trigger.call"}
INPUTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "vip": {"type": "boolean"},
        "note": {"type": ["string", "null"]},
        "any": {},
        "rows": {
            "type": "array",
            "items": {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}},
        },
        "who": {"$ref": "#/$defs/person"},
    },
    "$defs": {"person": {"type": "object", "properties": {"mail": {"type": "string"}, "boss": {"$ref": "#/$defs/person"}}}},
}  # fmt: skip
STATE = {
    "count": {"type": "number", "default": 0},
    "label": {"type": "string"},
    "list": {"type": "array", "items": {"type": "string"}, "default": []},
    "maybe": {"type": "string", "default": None},
}
HTTP = {"id": "h", "type": "http.request", "params": {"url": "https://a.b"}}
SCHEMA = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}
LLM = {"id": "llm", "type": "ai.llm", "params": {"model": "m", "prompt": "p", "output_schema": SCHEMA}}
EACH = {"id": "each", "type": "logic.map", "params": {"items": "{{ input.rows }}", "max_parallel": 2}}
ASK = {"id": "ask", "type": "channel.ask", "params": {"question": "Age?", "expects": "number"}}
CALLED = "11111111-2222-3333-4444-555555555555"
SUB = {"id": "sub", "type": "logic.subflow", "params": {"flow": CALLED, "input": {"city": "Riga"}}}


def task(*nodes: dict[str, Any], edges: str) -> Flow:
    return flow(CALL, *nodes, edges=edges, kind="task", inputs=INPUTS, state=STATE)


def put(value: Any, node_id: str = "s", **parts: Any) -> dict[str, Any]:
    """A node that builds a value."""
    return {"id": node_id, "type": "logic.set", "params": {"output": value}, **parts}


def assign(target: str, value: Any, node_id: str = "a", **parts: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "logic.set", "params": {"assign": {f"state.{target}": value}}, **parts}


def ask(left: Any, op: str, right: Any, node_id: str = "q", **parts: Any) -> dict[str, Any]:
    cases = [{"id": "yes", "when": {"left": left, "op": op, "right": right}}]
    return {"id": node_id, "type": "logic.if", "params": {"cases": cases}, **parts}


def result(value: Any, schema: Any = None) -> dict[str, Any]:
    return {
        "id": "r",
        "type": "output.result",
        "params": {"value": value} | ({"schema": schema} if schema else {}),
    }


def needs(kind: str, name: str = "x") -> dict[str, Any]:
    return {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}


def mismatch(given: str, wanted: str, place: str, node: str, **more: Any) -> dict[str, Any]:
    return {
        "code": "reference.type_mismatch",
        "given": given,
        "wanted": wanted,
        "param": place,
        "node": node,
    } | more


def unlike(left: str, right: str, node: str = "q", place: str = "cases[0].when") -> dict[str, Any]:
    return {"code": "condition.unlike_types", "left": left, "right": right, "param": place, "node": node}


LIKE_NUMBER = {"left": "{{ iteration }}", "op": "eq", "right": "x"}
CASES: dict[str, tuple[Flow, dict[str, Any]]] = {
    "items that are no list": (task(EACH | {"params": {"items": "{{ input.name }}"}}, say("a", parent="each"), edges="t>each each.item>a"), mismatch("text", "list", "items", "each", range=(3, 13))),
    "a text with filters where a list is asked": (task(EACH | {"params": {"items": "{{ input.rows | json }}"}}, say("a", parent="each"), edges="t>each each.item>a"), mismatch("text", "list", "items", "each")),
    "a text for an object": (task(HTTP | {"params": {"url": "https://a.b", "query": "{{ input.name }}"}}, edges="t>h"), mismatch("text", "object", "query", "h")),
    "a number inside a list of texts": (task({"id": "h", "type": "human.approval", "params": {"question": "?", "assignees": ["{{ input.age }}"]}}, edges="t>h"), mismatch("number", "text", "assignees[0]", "h")),
    "null where a text is asked": (task(LLM | {"params": {"model": "m", "prompt": "p"}}, say("a", "{{ nodes.llm.json }}"), edges="t>llm llm>a"), mismatch("null", "boolean | list | number | object | text", "text", "a")),
    "the result's own schema": (task(result({"x": "{{ input.name }}"}, needs("number")), edges="t>r"), mismatch("text", "number", "value.x", "r")),
    "a whole value inside": (task(put({"x": "{{ input.name }}"}), result("{{ nodes.s }}", needs("number")), edges="t>s s>r"), mismatch("text", "number", "value", "r", path="nodes.s.x")),
    "a field the result's schema needs": (task(put({"y": 1}), result("{{ input }}", needs("number")), edges="t>s s>r"), {"code": "reference.missing_field", "param": "value", "path": "input.x"}),
    "a field a literal lacks": (task(result({"y": "{{ input.age }}"}, needs("number")), edges="t>r"), {"code": "value.missing_field", "param": "value", "name": "x"}),
    "a literal that does not fit": (task(result({"x": "high"}, needs("number")), edges="t>r"), {"code": "value.does_not_fit", "param": "value.x"}),
    "a duration": (task({"id": "w", "type": "time.wait", "params": {"for_s": "{{ input.rows }}"}}, edges="t>w"), mismatch("list", "number | text", "for_s", "w")),
    "a state of another type": (task(assign("label", "{{ input.age }}"), edges="t>a"), mismatch("number", "text", "assign.state.label", "a")),
    "a state of another type by a literal": (task(assign("count", "many"), edges="t>a"), {"code": "value.does_not_fit", "param": "assign.state.count"}),
    "counting a text": (task(assign("label", {"plus": 1}), edges="t>a"), mismatch("text", "number", "assign.state.label", "a")),
    "counting by a text": (task(assign("count", {"plus": "{{ input.name }}"}), edges="t>a"), mismatch("text", "number", "assign.state.count.plus", "a")),
    "appending to a number": (task(assign("count", {"append": 1}), edges="t>a"), mismatch("number", "list", "assign.state.count", "a")),
    "appending another type": (task(assign("list", {"append": "{{ input.age }}"}), edges="t>a"), mismatch("number", "text", "assign.state.list.append", "a")),
    "state read as another type": (task(ask("{{ state.count }}", "eq", "x"), edges="t>q"), unlike("number", "text")),
    "an input in a condition": (task(ask("{{ input.name }}", "gt", 5), edges="t>q"), unlike("text", "number")),
    "a filter makes a text": (task(ask("{{ input.age | plus: 1 }}", "gt", 5), edges="t>q"), unlike("text", "number")),
    "two inputs": (task(ask("{{ input.vip }}", "eq", "{{ input.age }}"), edges="t>q"), unlike("boolean", "number")),
    "order of lists": (task(ask("{{ input.rows }}", "gt", "{{ input.rows }}"), edges="t>q"), unlike("list (object)", "list (object)")),
    "null and what is never null": (task(ask("{{ input.age }}", "eq", None), edges="t>q"), unlike("number", "null")),
    "a number in a list of texts": (task(ask("{{ input.age }}", "in", ["a", "b"]), edges="t>q"), unlike("number", "list (text)")),
    "in something that is no list": (task(ask("{{ input.age }}", "in", "{{ input.name }}"), edges="t>q"), unlike("number", "text")),
    "a pattern on a number": (task(ask("{{ input.age }}", "matches", "^1"), edges="t>q"), unlike("number", "text")),
    "deep in a condition": (task({"id": "q", "type": "logic.if", "params": {"cases": [{"id": "yes", "when": {"any": [{"not": {"left": "{{ input.name }}", "op": "lt", "right": 1}}]}}]}}, edges="t>q"), unlike("text", "number", place="cases[0].when.any[0].not")),
    "a row of a table": (task({"id": "q", "type": "logic.rules", "params": {"rows": [{"when": {"left": "{{ input.vip }}", "op": "eq", "right": "yes"}, "outcome": "x"}]}}, edges="t>q"), unlike("boolean", "text", place="rows[0].when")),
    "what a model was asked for": (task(LLM, ask("{{ nodes.llm.json.score }}", "eq", "high"), edges="t>llm llm>q"), unlike("number", "text")),
    "a field a model was not asked for": (task(LLM, say("a", "{{ nodes.llm.json.grade }}"), edges="t>llm llm>a"), {"code": "reference.unknown_field", "name": "grade"}),
    "a status is a number": (task(HTTP, ask("{{ nodes.h.status }}", "eq", "200"), edges="t>h h>q"), unlike("number", "text")),
    "through nodes that hand on": (task(IF | {"params": {"cases": [{"id": "yes", "when": {"left": "{{ input.vip }}", "op": "eq", "right": True}}]}}, {"id": "w", "type": "time.wait", "params": {"for_s": 1}}, ask("{{ input.name }}", "gt", 1), edges="t>fork fork.yes>w w>q"), unlike("text", "number")),
    "through a disabled node": (task(HTTP | {"enabled": False}, ask("{{ input.name }}", "gt", 1), edges="t>h h>q"), unlike("text", "number")),
    "a value that was built": (task(put({"deep": {"n": "{{ input.age }}"}}), ask("{{ nodes.s.deep.n }}", "eq", "x"), edges="t>s s>q"), unlike("number", "text")),
    "a field that was not built": (task(put({"deep": {"n": 1}}), say("a", "{{ nodes.s.deep.m }}"), edges="t>s s>a"), {"code": "reference.unknown_field", "name": "m"}),
    "the output of a rule": (task({"id": "rules", "type": "logic.rules", "params": {"rows": [{"when": {"left": "{{ input.vip }}", "op": "eq", "right": True}, "outcome": "x", "output": 5}]}}, ask("{{ nodes.rules.output }}", "eq", "5"), edges="t>rules rules.x>q"), unlike("null | number", "text")),
    "a field of an item": (task(EACH, ask("{{ item.n }}", "eq", "x", parent="each"), edges="t>each each.item>q"), unlike("number", "text")),
    "the place of an item": (task(EACH, ask("{{ index }}", "eq", "x", parent="each"), edges="t>each each.item>q"), unlike("number", "text")),
    "the outer item": (task(EACH, EACH | {"id": "in", "parent": "each", "params": {"items": [1, 2], "max_parallel": 1}}, ask("{{ outer.item.sku }}", "gt", 1, parent="in"), edges="t>each each.item>in in.item>q"), unlike("text", "number")),
    "results of a map": (task(EACH, put({"ok": "{{ item.sku }}"}, parent="each"), ask("{{ nodes.each.results[0].ok }}", "gt", 1), edges="t>each each.item>s each.done>q"), unlike("text", "number")),
    "results are a list": (task(EACH, put(1, parent="each"), ask("{{ nodes.each.results }}", "eq", 1), edges="t>each each.item>s each.done>q"), unlike("list (number)", "number")),
    "a list of results for a map": (task(EACH, put(1, parent="each"), EACH | {"id": "again", "params": {"items": "{{ nodes.each.results }}", "max_parallel": 1}}, ask("{{ item }}", "eq", "x", parent="again"), edges="t>each each.item>s each.done>again again.item>q"), unlike("number", "text")),
    "a round's number": (task(LOOP, ask("{{ iteration }}", "eq", "x", parent="loop"), edges="t>loop loop.body>q"), unlike("number", "text")),
    "a loop's own condition": (task(LOOP | {"params": {"until": LIKE_NUMBER}}, say("a", parent="loop"), edges="t>loop loop.body>a"), unlike("number", "text", "loop", "until")),
    "what a loop's body gives": (task(LOOP | {"params": {"until": {"left": "{{ input.n }}", "op": "eq", "right": "x"}}}, put({"n": 1}, parent="loop"), edges="t>loop loop.body>s"), {"code": "condition.unlike_types", "node": "loop"}),
    "the last result of a loop": (task(LOOP, put({"n": "x"}, parent="loop"), ask("{{ nodes.loop.last.n }}", "gt", 1), edges="t>loop loop.body>s loop.done>q"), unlike("text", "number")),
    "how often a loop went round": (task(LOOP, say("a", parent="loop"), ask("{{ nodes.loop.iterations }}", "eq", "x"), edges="t>loop loop.body>a loop.done>q"), unlike("number", "text")),
    "a text answered to a question": (task(ASK | {"params": {"question": "?"}}, ask("{{ nodes.ask.answer }}", "gt", 18), edges="t>ask ask.answered>q"), unlike("null | text", "number")),
    "either of two branches": (task(IF | {"params": ask("{{ input.vip }}", "eq", True)["params"]}, put({"x": 1}, "a"), put({"x": 2}, "b"), ask("{{ input.x }}", "eq", "1"), edges="t>fork fork.yes>a fork.else>b a>q b>q"), unlike("number", "text")),
    "a field in neither branch": (task(IF | {"params": ask("{{ input.vip }}", "eq", True)["params"]}, put({"x": 1}, "a"), put({"x": 2}, "b"), say("c", "{{ input.y }}"), edges="t>fork fork.yes>a fork.else>b a>c b>c"), {"code": "reference.unknown_field", "name": "y"}),
    "parallel branches are kept by name": (task(put({"x": 1}, "a"), put({"x": 2}, "b"), say("c", "{{ input.x }}"), edges="t>a t>b a>c b>c"), {"code": "reference.unknown_field", "name": "x", "known": "a, b"}),
    "one of the parallel branches": (task(put({"x": 1}, "a"), put({"x": 2}, "b"), ask("{{ input.a.x }}", "eq", "1"), edges="t>a t>b a>q b>q"), unlike("number", "text")),
    "the first of several": (task(put({"x": 1}, "a"), put({"x": 2}, "b"), {"id": "j", "type": "logic.join"}, ask("{{ input.x }}", "eq", "1"), edges="t>a t>b a>j b>j j>q"), unlike("number", "text")),
    "a failure's kind": (task(HTTP | {"policy": {"on_error": "port"}}, ask("{{ input.attempts }}", "eq", "x"), edges="t>h h.error>q"), unlike("number", "text")),
    "a field that no error has": (task(HTTP | {"policy": {"on_error": "port"}}, say("a", "{{ nodes.h.status }}"), edges="t>h h.error>a"), {"code": "reference.unknown_field", "name": "status"}),
    "a field an error lacks": (task(HTTP | {"policy": {"on_error": "port"}}, say("a", "{{ nodes.h.status }}"), edges="t>h h>a h.error>a"), {"code": "reference.may_be_error", "node": "a", "severity": "error"}),
    "a field the default lacks": (task(HTTP | {"policy": {"on_error": "default", "default": {"status": 0}}}, say("a", "{{ nodes.h.text }}"), edges="t>h h>a"), {"code": "reference.not_in_default", "severity": "warning"}),
    "a mocked node": (task(HTTP | {"policy": {"mock": {"json": {"n": 1}}}}, ask("{{ nodes.h.json.n }}", "eq", "1"), edges="t>h h>q"), unlike("number", "text")),
    "a reference inside a schema": (task(ask("{{ input.who.mail }}", "gt", 1), edges="t>q"), unlike("text", "number")),
    "the trigger from anywhere": (task(put({"x": 1}), ask("{{ trigger.age }}", "eq", "x"), edges="t>s s>q"), unlike("number", "text")),
    "the start of the run": (task(ask("{{ run.started_at }}", "gt", 5), edges="t>q"), unlike("text", "number")),
    "the length of a text": (task(ask("{{ input.name.size }}", "eq", "x"), edges="t>q"), unlike("number", "text")),
    "a nested setting's template": (task({"id": "w", "type": "time.wait", "params": {"business": {"timezone": "{{ nodes.zz.x }}"}}}, edges="t>w"), {"code": "reference.unknown_node", "param": "business.timezone"}),
}  # fmt: skip


@pytest.mark.parametrize(("document", "expected"), CASES.values(), ids=CASES)
def test_what_can_never_fit_is_found_in_its_place(document: Flow, expected: dict[str, Any]) -> None:
    shown = [
        {name: getattr(problem, name, None) or problem.context.get(name) for name in expected}
        for problem in found(document)
    ]
    assert expected in shown, [
        (each.code, each.node, each.param, dict(each.context)) for each in found(document)
    ]


SOUND = {
    "anything fits everywhere": task(HTTP, ask("{{ nodes.h.json.a.b }}", "gt", 5), assign("count", "{{ nodes.h.json.n }}"), result("{{ nodes.h.json }}", needs("number")), edges="t>h h>q q.yes>a a>r"),
    "an input that may be anything": task(ask("{{ input.any }}", "gt", 5), EACH | {"params": {"items": "{{ input.any }}", "max_parallel": 1}}, say("a", parent="each"), edges="t>q q.yes>each each.item>a"),
    "an input that may be null": task(ask("{{ input.note }}", "eq", "x"), edges="t>q"),
    "null itself": task(ask("{{ input.note }}", "eq", None), edges="t>q"),
    "a whole number is a number": task(assign("count", "{{ input.age }}"), ask("{{ input.age }}", "gt", 1.5), edges="t>a a>q"),
    "a number in a text": task(say("a", "{{ input.age }}"), say("b", "{{ trigger.rows }}"), edges="t>a a>b"),
    "a text that pydantic reads": task({"id": "w", "type": "time.wait", "params": {"for_s": "{{ input.age | times: 60 }}"}}, edges="t>w"),
    "a state that begins with null": task(ask("{{ state.maybe }}", "eq", None), assign("maybe", "{{ input.name }}"), edges="t>q q.yes>a"),
    "counting and appending": task(assign("count", {"plus": "{{ input.age }}"}), assign("list", {"append": "{{ input.name }}"}, "b"), edges="t>a a>b"),
    "a button that is a text": task(say("a") | {"params": {"text": "x", "buttons": ["{{ input.name }}", {"text": "{{ input.age }}"}]}}, edges="t>a"),
    "the result's own schema": task(result({"x": "{{ input.age }}", "y": "{{ input.any }}"}, needs("number")), edges="t>r"),
    "one branch of two fits": task(IF | {"params": ask("{{ input.vip }}", "eq", True)["params"]}, put({"x": 1}, "a"), put({"x": "1"}, "b"), ask("{{ input.x }}", "eq", "1"), edges="t>fork fork.yes>a fork.else>b a>q b>q"),
    "branches with other fields": task(IF | {"params": ask("{{ input.vip }}", "eq", True)["params"]}, put({"x": 1}, "a"), put({"y": 1}, "b"), say("c", "{{ input.x | default: '' }}{{ input.y | default: '' }}"), edges="t>fork fork.yes>a fork.else>b a>c b>c"),
    "parallel branches by name": task(put({"x": 1}, "a"), put({"x": 2}, "b"), say("c", "{{ input.a.x }}{{ input.b.x }}"), edges="t>a t>b a>c b>c"),
    "an answer that is a number": task(ASK, ask("{{ nodes.ask.answer }}", "gte", 18), edges="t>ask ask.answered>q"),
    "a loop that hands on its state": task(LOOP | {"params": {"until": {"left": "{{ input.done }}", "op": "eq", "right": True}}}, put({"done": True}, parent="loop"), edges="t>loop loop.body>s"),
    "a loop's input in its body": task(LOOP, say("a", "{{ input.name | default: '' }}", parent="loop"), edges="t>loop loop.body>a"),
    "a map that ends in several ways": task(EACH, ask("{{ item.n }}", "gt", 1, parent="each"), put("big", "b", parent="each"), put(0, "c", parent="each"), ask("{{ nodes.each.results[0] }}", "eq", 0, "z"), edges="t>each each.item>q q.yes>b q.else>c each.done>z"),
    "whether something was skipped": task(IF | {"params": ask("{{ input.vip }}", "eq", True)["params"]}, put({"x": 1}, "a"), put({"x": 2}, "b"), {"id": "q", "type": "logic.if", "params": {"cases": [{"id": "yes", "when": {"left": "{{ nodes.a.x }}", "op": "exists"}}]}}, edges="t>fork fork.yes>a fork.else>b a>q b>q"),
    "behind the good output": task(HTTP | {"policy": {"on_error": "port"}}, say("a", "{{ nodes.h.status }}"), say("b", "{{ nodes.h.message }}"), edges="t>h h>a h.error>b"),
    "a default for a failure": task(HTTP | {"policy": {"on_error": "port"}}, say("a", "{{ nodes.h.status | default: 0 }}"), edges="t>h h>a h.error>a"),
    "what every error has": task(HTTP | {"policy": {"on_error": "default", "default": {"status": 0, "text": ""}}}, ask("{{ nodes.h.status }}", "eq", 200), edges="t>h h>q"),
    "several triggers": flow(CHAT, {"id": "u", "type": "trigger.webhook", "params": {"path": "x"}}, say("a", "{{ trigger.message | default: '' }} {{ trigger.body | default: '' }}"), edges="t>a u>a"),
    "a flow nobody knows": task(SUB, say("a", "{{ nodes.sub.whatever }}"), edges="t>sub sub>a"),
}  # fmt: skip


@pytest.mark.parametrize("document", SOUND.values(), ids=SOUND)
def test_what_may_fit_is_left_alone(document: Flow) -> None:
    assert found(document) == []


CONTRACT = Contract(
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"], "additionalProperties": False},
)  # fmt: skip


@pytest.mark.parametrize(
    ("call", "reads", "code", "param"),
    [
        ({}, "{{ nodes.sub.total }}", None, ""),
        ({}, "{{ nodes.sub.sum }}", "reference.unknown_field", "text"),
        ({"input": {}}, "", "value.missing_field", "input"),
        ({"input": {"city": "{{ input.age }}"}}, "", "reference.type_mismatch", "input.city"),
        ({"input": {"city": "{{ input.name }}", "x": 1}}, "", "value.unknown_field", "input.x"),
        ({"input": "{{ input.name }}"}, "", "reference.type_mismatch", "input"),
        ({"input": "{{ input.any }}"}, "", None, ""),
        ({"wait": False}, "{{ nodes.sub.run_id }}", None, ""),
        ({"version": 3}, "{{ nodes.sub.sum }}", None, ""),
    ],
)
def test_a_call_of_a_known_flow_is_checked_against_it(
    call: Any, reads: str, code: str | None, param: str
) -> None:
    sub = SUB | {"params": {**SUB["params"], **call}}  # type: ignore[dict-item]
    document = task(sub, say("a", reads), edges="t>sub sub>a")
    problems = check(document, CATALOG, {(CALLED, "latest"): CONTRACT})
    assert [(each.code, each.param) for each in problems] == ([(code, param)] if code else [])


def test_a_flow_that_takes_no_calls_is_not_called() -> None:
    document = task(SUB, edges="t>sub")
    closed = Contract({}, {}, takes_calls=False)
    assert [each.code for each in check(document, CATALOG, {(CALLED, "latest"): closed})] == [
        "call.not_callable"
    ]
