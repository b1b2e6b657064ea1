"""Flow files are read strictly, written canonically, and refused with their place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from app.flows import codec
from app.flows.document import Flow
from app.flows.migrations import upgrade
from tests.unit.flows_language.documents import flows

EXAMPLE = (Path(__file__).parent / "support_triage.flow.json").read_text(encoding="utf-8")


def file(**parts: Any) -> str:
    return json.dumps({"schema": "flow/1", **parts})


def node(**parts: Any) -> str:
    return file(nodes=[{"id": "a", "type": "logic.set", **parts}])


def test_the_worked_example_comes_back_with_everything_it_says() -> None:
    flow = codec.load(EXAMPLE)
    assert [each.id for each in flow.nodes][:3] == ["message", "intent", "lookup"]
    assert flow.nodes[3].policy.retry.max == 2
    assert codec.load(codec.dump(flow)) == flow
    assert '"budget_usd": 0.5' in codec.dump(flow)


@settings(max_examples=150, deadline=None)
@given(flows())
def test_a_dumped_flow_loads_as_itself_and_dumps_to_the_same_bytes(flow: Flow) -> None:
    text = codec.dump(flow)
    again = codec.load(text)
    assert again == flow
    assert codec.dump(again) == text
    assert codec.semantic_hash(again) == codec.semantic_hash(flow)


def test_a_moved_box_is_a_change_of_one_line() -> None:
    flow = codec.load(EXAMPLE)
    data = codec.to_json(flow)
    data["view"]["nodes"]["intent"]["x"] += 40
    before, after = codec.dump(flow).splitlines(), codec.dump(codec.parse(data)).splitlines()
    assert len(before) == len(after)
    assert len([pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]) == 1


def test_params_keep_the_order_of_their_keys_and_numbers_their_kind() -> None:
    text = codec.dump(codec.load(node(params={"z": 1, "a": 1.0, "m": {"y": 9007199254740993, "b": None}})))
    assert '{"z": 1, "a": 1.0, "m": {"y": 9007199254740993, "b": null}}' in text


def test_lines_stay_within_the_width_where_they_can() -> None:
    flow = codec.load(node(params={"list": list(range(200)), "text": "x" * 300}))
    lines = codec.dump(flow).splitlines()
    assert all(len(line) <= 110 for line in lines if '"text"' not in line)


def test_the_hash_sees_meaning_and_nothing_else() -> None:
    flow = codec.load(EXAMPLE)

    def hashed(**parts: Any) -> str:
        return codec.semantic_hash(codec.parse({**codec.to_json(flow), **parts}))

    same = codec.semantic_hash(flow)
    assert hashed(name="Other", description="Other", view={}, tests=[{"a": 1}]) == same
    titled = [{**each, "title": "T", "note": "N"} for each in codec.to_json(flow)["nodes"]]
    assert hashed(nodes=titled) == same
    assert hashed(nodes=titled[:-1]) != same
    assert hashed(edges=[]) != same
    assert hashed(inputs={}) != same


DEEP = "[" * 70 + "]" * 70
REFUSED = {
    "broken": ('{\n  "schema": "flow/1",\n  "nodes": [}\n', "flow.malformed_json", {"line": 3, "column": 13}),
    "empty": ("", "flow.malformed_json", {"line": 1, "column": 1}),
    "a comma too many": ('{"schema": "flow/1",}', "flow.malformed_json", {"line": 1}),
    "no object": ("[]", "flow.invalid_value", {"path": ""}),
    "duplicate key": ('{"schema": "flow/1", "name": "a", "name": "b"}', "flow.duplicate_key", {"key": "name"}),
    "NaN": ('{"schema": "flow/1", "settings": {"timeout_s": NaN}}', "flow.invalid_number", {"reason": "NaN"}),
    "too large a number": ('{"schema": "flow/1", "settings": {"timeout_s": 1e999}}', "flow.invalid_number", {"path": "settings.timeout_s"}),
    "thousands of digits": ("9" * 5_000, "flow.invalid_number", {}),
    "beyond 64 bits": (node(params={"n": 2**64}), "flow.invalid_number", {"path": "nodes[0].params.n"}),
    "half a character": ('{"schema": "flow/1", "name": "\\ud800"}', "flow.invalid_text", {"path": "name"}),
    "half a character in a key": ('{"schema": "flow/1", "state": {"\\ud800": 1}}', "flow.invalid_text", {"path": "state"}),
    "a null character": ('{"schema": "flow/1", "name": "a\\u0000"}', "flow.invalid_text", {"path": "name"}),
    "not UTF-8": (b'{"schema": "\xff"}', "flow.not_utf8", {"offset": 12}),
    "unknown field": (file(colour="red"), "flow.unknown_field", {"path": "colour"}),
    "unknown field of a node": (node(colour="red"), "flow.unknown_field", {"path": "nodes[0].colour"}),
    "wrong type": (node(v=True), "flow.invalid_value", {"path": "nodes[0].v"}),
    "a number in quotes": (file(settings={"timeout_s": "5"}), "flow.invalid_value", {"path": "settings.timeout_s"}),
    "bad id": (file(nodes=[{"id": "A b", "type": "t"}]), "flow.invalid_value", {"path": "nodes[0].id"}),
    "no type": (file(nodes=[{"id": "a"}]), "flow.invalid_value", {"path": "nodes[0].type"}),
    "bad kind": (file(kind="robot"), "flow.invalid_value", {"path": "kind"}),
    "another schema": ('{"schema": "flow/9"}', "flow.unsupported_schema", {"found": "flow/9"}),
    "no schema": ("{}", "flow.unsupported_schema", {"found": "None"}),
    "deep": (f'{{"schema": "flow/1", "inputs": {{"a": {DEEP}}}}}', "flow.too_deep", {"limit": 64}),
    "bottomless": ("[" * 200_000, "flow.too_deep", {"limit": 64}),
    "5 MB": (file(description="x" * 5_000_000), "flow.too_large", {"limit": 2 * 1024 * 1024}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "code", "context"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_flow_is_refused_with_its_place(
    text: str | bytes, code: str, context: dict[str, Any]
) -> None:
    with pytest.raises(codec.FlowFormatError) as caught:
        codec.load(text)
    assert caught.value.error_code == code
    assert caught.value.status == (413 if code == "flow.too_large" else 422)
    assert {name: caught.value.context[name] for name in context} == context


def test_a_byte_order_mark_and_an_unknown_node_type_are_no_obstacle() -> None:
    flow = codec.load(b"\xef\xbb\xbf" + node(type="nobody.knows", params={"kept": [1]}).encode())
    assert flow.nodes[0].params == {"kept": [1]}


def test_old_documents_are_led_step_by_step() -> None:
    steps = {
        "flow/0": ("flow/0.5", lambda data: {**data, "first": True}),
        "flow/0.5": ("flow/1", lambda data: {**data, "second": data["first"]}),
    }
    assert upgrade({"schema": "flow/0"}, steps) == {"schema": "flow/1", "first": True, "second": True}
