"""Operations change one thing, can be taken back, and never yield what the codec would refuse."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings

from app.flows import codec
from app.flows.document import Flow
from app.flows.operations import OperationError, apply, invert
from tests.unit.flows_language.documents import flows, operations

EXAMPLE = codec.load((Path(__file__).parent / "support_triage.flow.json").read_text(encoding="utf-8"))


@settings(max_examples=600, deadline=None)
@given(flows(), operations)
def test_an_operation_can_be_taken_back_to_the_byte(flow: Flow, op: dict[str, Any]) -> None:
    before = codec.dump(flow)
    try:
        after = apply(flow, op)
    except OperationError:
        assert codec.dump(flow) == before
        assume(False)
    assert codec.load(codec.dump(after)) == after
    back = apply(after, invert(flow, op))
    assert back == flow
    assert codec.dump(back) == before


@settings(max_examples=200, deadline=None)
@given(flows(), operations)
def test_an_undo_can_be_undone(flow: Flow, op: dict[str, Any]) -> None:
    try:
        after = apply(flow, op)
    except OperationError:
        assume(False)
    undo = invert(flow, op)
    assert apply(apply(after, undo), invert(after, undo)) == after


def test_removing_a_node_takes_its_edges_and_its_place_and_undo_brings_them_back() -> None:
    op = {"op": "node.remove", "id": "intent"}
    after = apply(EXAMPLE, op)
    assert after.node("intent") is None
    assert not [edge for edge in after.edges if "intent" in (edge.source, edge.target)]
    assert "intent" not in after.view.nodes
    assert codec.dump(apply(after, invert(EXAMPLE, op))) == codec.dump(EXAMPLE)


def test_a_moved_frame_keeps_its_size_and_a_size_can_be_taken_away() -> None:
    sized = apply(EXAMPLE, {"op": "node.move", "id": "intent", "x": 1, "y": 2, "width": 600, "height": 300})
    moved = apply(sized, {"op": "node.move", "id": "intent", "x": 5, "y": 6})
    assert moved.view.nodes["intent"].model_dump() == {"x": 5, "y": 6, "width": 600, "height": 300}
    hugging = {"op": "node.move", "id": "intent", "x": 5, "y": 6, "width": None, "height": None}
    assert codec.to_json(apply(moved, hugging))["view"]["nodes"]["intent"] == {"x": 5, "y": 6}
    # Taking back a move leaves a size that somebody else gave meanwhile.
    back = invert(EXAMPLE, {"op": "node.move", "id": "intent", "x": 9, "y": 9})
    assert apply(moved, back).view.nodes["intent"].width == 600


def test_renaming_an_id_rewrites_every_reference_and_nothing_else() -> None:
    text = "{{ nodes.a.x }} {{ nodes['a'].y | append: nodes[\"a\"].z }} {{ nodes.ab.x }} {{ input.a }} nodes.a {% for p in nodes.a.l %}{{ p.a }}{% endfor %}"
    flow = codec.parse(
        {
            "schema": "flow/1",
            "nodes": [
                {"id": "a", "type": "t"},
                {"id": "b", "type": "t", "parent": "a", "params": {"deep": [{"text": text}]}},
            ],
            "edges": [{"id": "e", "source": "a", "target": "b"}],
            "view": {"nodes": {"a": {"x": 1, "y": 2}}, "groups": [{"id": "g", "nodes": ["a"]}]},
        }
    )
    after = apply(flow, {"op": "node.rename_id", "id": "a", "new_id": "start"})
    assert after.nodes[1].params["deep"][0]["text"] == (
        "{{ nodes.start.x }} {{ nodes['start'].y | append: nodes[\"start\"].z }} {{ nodes.ab.x }} {{ input.a }}"
        " nodes.a {% for p in nodes.start.l %}{{ p.a }}{% endfor %}"
    )
    assert (after.nodes[1].parent, after.edges[0].source) == ("start", "start")
    assert (list(after.view.nodes), after.view.groups[0].nodes) == (["start"], ("start",))


def test_a_batch_happens_whole_or_not_at_all() -> None:
    ops = [{"op": "node.set_title", "id": "intent", "title": "T"}, {"op": "node.remove", "id": "nobody"}]
    with pytest.raises(OperationError) as caught:
        apply(EXAMPLE, {"op": "batch", "ops": ops})
    assert caught.value.error_code == "operation.unknown_node"
    assert apply(EXAMPLE, {"op": "batch", "ops": ops[:1]}).node("intent").title == "T"


A = {"op": "node.add", "node": {"id": "new", "type": "t"}}
REFUSED = {
    "no operation": ("x", "operation.malformed"),
    "unknown": ({"op": "node.explode"}, "operation.unknown"),
    "taken id": ({"op": "node.add", "node": {"id": "intent", "type": "t"}}, "operation.id_taken"),
    "no such parent": ({"op": "node.add", "node": {"id": "n", "type": "t", "parent": "zz"}}, "operation.unknown_node"),
    "parent of itself": ({"op": "node.reparent", "id": "intent", "parent": "intent"}, "operation.parent_cycle"),
    "edge to nowhere": ({"op": "edge.add", "edge": {"id": "n", "source": "intent", "target": "zz"}}, "operation.unknown_node"),
    "edge that is there": ({"op": "edge.add", "edge": {"id": "e1", "source": "intent", "target": "count"}}, "operation.id_taken"),
    "NaN": ({"op": "node.set_param", "id": "count", "name": "x", "value": float("nan")}, "operation.invalid_value"),
    "far away": ({"op": "node.move", "id": "count", "x": 1e300, "y": 0}, "operation.malformed"),
    "infinite place": ({"op": "node.move", "id": "count", "x": float("inf"), "y": 0}, "operation.malformed"),
    "true is no coordinate": ({"op": "node.move", "id": "count", "x": True, "y": 0}, "operation.malformed"),
    "no extent at all": ({"op": "node.move", "id": "count", "x": 0, "y": 0, "width": 0}, "operation.malformed"),
    "long title": ({"op": "node.set_title", "id": "count", "title": "x" * 500}, "operation.invalid_value"),
    "policy out of range": ({"op": "node.set_policy", "id": "count", "name": "timeout_s", "value": -1}, "operation.invalid_value"),
    "unknown policy": ({"op": "node.set_policy", "id": "count", "name": "mood", "value": 1}, "operation.malformed"),
    "bad new id": ({"op": "node.rename_id", "id": "count", "new_id": "Bad Id"}, "operation.malformed"),
    "bad kind": ({"op": "flow.set", "name": "kind", "value": "robot"}, "operation.invalid_value"),
    "nodes are not set": ({"op": "flow.set", "name": "nodes", "value": []}, "operation.malformed"),
    "nested batches": ({"op": "batch", "ops": [{"op": "batch", "ops": [{"op": "batch", "ops": [A] * 2_600}, {"op": "batch", "ops": [A] * 2_600}]}]}, "operation.malformed"),
    "over the size": ({"op": "node.set_param", "id": "count", "name": "x", "value": "y" * 2_200_000}, "operation.too_large"),
}  # fmt: skip


@pytest.mark.parametrize(("op", "code"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(op: Any, code: str) -> None:
    with pytest.raises(OperationError) as caught:
        apply(EXAMPLE, op)
    assert caught.value.error_code == code


def test_a_value_at_the_depth_limit_is_refused_exactly_when_a_file_with_it_would_be() -> None:
    for depth in (58, 59, 60, 61, 62):
        value: Any = []
        for _ in range(depth - 1):
            value = [value]
        data = codec.to_json(EXAMPLE)
        data["nodes"][0]["params"] = {"x": value}
        op = {"op": "node.set_param", "id": "message", "name": "x", "value": value}
        outcomes = []
        for attempt in (lambda data=data: codec.parse(data), lambda op=op: apply(EXAMPLE, op)):
            try:
                attempt()
                outcomes.append(True)
            except (codec.FlowFormatError, OperationError):
                outcomes.append(False)
        assert outcomes[0] == outcomes[1], depth
