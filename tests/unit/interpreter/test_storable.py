"""A value that no journal can hold fails the step that gave it, with its place, and nothing else."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.drive import drive
from app.flows.large_values import dumps
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.node_type import ErrorKind, Next, NodeError, Stop, Suspend
from app.flows.storable import DEEPEST, fault, mended, plain
from tests.unit.interpreter.world import NOW, RUN, node, plan_of, started


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


REFUSED: list[tuple[Any, str, str]] = [
    (2**70, "value.number_too_large", "output"),
    ({"a": [1, {"n": -(10**30)}]}, "value.number_too_large", "output.a[1].n"),
    ({"n": float("nan")}, "value.not_finite", "output.n"),
    ([float("-inf")], "value.not_finite", "output[0]"),
    ({"n": Decimal("Infinity")}, "value.not_finite", "output.n"),
    ({"n": Decimal("sNaN")}, "value.not_finite", "output.n"),
    ({"n": Decimal("1e999")}, "value.not_finite", "output.n"),
    ({"text": "a\0b"}, "value.null_character", "output.text"),
    ({"a": {"b\0": 1}}, "value.null_character", "output.a"),
    ({"text": "half \ud83d"}, "value.lone_surrogate", "output.text"),
    ({"\ud83d": 1}, "value.lone_surrogate", "output"),
    ({"raw": b"bytes"}, "value.not_json", "output.raw"),
    ({"raw": {1, 2}}, "value.not_json", "output.raw"),
    ({2**70: 1}, "value.number_too_large", "output"),
    ({"list": nested(DEEPEST + 50)}, "step.output_too_deep", ""),
]
TAKEN: list[tuple[Any, Any]] = [
    ({"least": -(2**63), "most": 2**64 - 1}, {"least": -(2**63), "most": 2**64 - 1}),
    ({"at": datetime(2026, 1, 2, 3, tzinfo=UTC)}, {"at": "2026-01-02T03:00:00+00:00"}),
    ([date(2026, 1, 2), UUID(int=7)], ["2026-01-02", "00000000-0000-0000-0000-000000000007"]),
    ({"price": Decimal("1.5")}, {"price": 1.5}),
    ([Colour.RED, Level.HIGH], ["red", 3]),
    ({True: "a", None: "b"}, {"true": "a", "null": "b"}),
    ({7: "a", False: "b"}, {"7": "a", "false": "b"}),
    ((1, ("a",)), [1, ["a"]]),
    ("ё 🙂 \\u0000", "ё 🙂 \\u0000"),
]


async def run(answer: Any, **policy: Any) -> tuple[Any, list[Any]]:
    """A flow whose step `gives` answers so; another one leads on from its `error` port."""
    nodes = [node("start", "start"), node("gives", "read", policy), node("after", "output.result")]
    plan = plan_of(nodes, ["start > gives", "gives > after", "gives.error > after"][: 3 if policy else 2])
    journal = MemoryJournal()
    journal.runs[RUN] = [started()]

    async def perform(request: Any) -> Any:
        return answer if request.node.id == "gives" else Next("out", request.input)

    result = await drive(plan, RUN, journal, MemorySink(), perform, lambda: NOW)
    return result, journal.runs[RUN]


@pytest.mark.parametrize(("value", "code", "path"), REFUSED)
async def test_the_step_fails_located(value: Any, code: str, path: str) -> None:
    result, events = await run(Next("out", value))
    error = result.error
    assert (result.status, error["node"], error["code"]) == ("failed", "gives", code)
    assert error.get("path", "") == path
    json.loads(dumps(events))


@pytest.mark.parametrize(("value", "code", "path"), REFUSED)
async def test_an_error_port_catches_it(value: Any, code: str, path: str) -> None:
    result, events = await run(Next("out", value), on_error="port")
    assert (result.status, result.output["code"]) == ("succeeded", code)
    json.loads(dumps(events))


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (Next("out", 1, state={"total": 2**70}), "state.total"),
        (Next("out", 1, messages=({"id": "1", "text": "a\0", "buttons": []},)), "messages[0].text"),
        (Next("out", 1, tasks=({"id": "1", "parameters": [2**70]},)), "task.parameters[0]"),
        (Next("out", 1, effects=({"body": "\ud800"},)), "effect.body"),
        (Suspend({"kind": "test", "data": {"question": "a\0"}}), "wait.data.question"),
        (Suspend({"kind": "test"}, ({"id": "1", "text": "a\0", "buttons": []},)), "messages[0].text"),
        (Stop("failed", "a\0"), "message"),
    ],
)
async def test_whatever_else_a_step_leaves_is_held_to_it(answer: Any, path: str) -> None:
    result, events = await run(answer)
    assert (result.status, result.error["node"], result.error["path"]) == ("failed", "gives", path)
    json.loads(dumps(events))


@pytest.mark.parametrize(("value", "kept"), TAKEN)
async def test_what_is_no_plain_json_is_for_later_steps_what_a_replay_gives(value: Any, kept: Any) -> None:
    result, events = await run(Next("out", value))
    assert (result.status, result.output) == ("succeeded", kept)
    stored = next(event for event in json.loads(dumps(events)) if event.get("node") == "gives")
    assert stored["output"] == result.output


async def test_an_error_that_tells_such_a_value_is_stored_all_the_same() -> None:
    nodes = [node("start", "start"), node("gives", "read")]
    plan, journal = plan_of(nodes, ["start > gives"]), MemoryJournal()
    journal.runs[RUN] = [started()]

    async def perform(_request: Any) -> Any:
        told = {"answer": "a\0\ud800", "n": 2**70, "nan": float("nan"), "deep": nested(500)}
        raise NodeError(ErrorKind.INVALID_INPUT, "http.status", param="p\0", path="\ud800", **told)

    result = await drive(plan, RUN, journal, MemorySink(), perform, lambda: NOW)
    assert result.error is not None
    assert (result.error["code"], result.error["context"]["n"]) == ("http.status", str(2**70))
    assert "\0" not in json.dumps(json.loads(dumps(journal.runs[RUN])), ensure_ascii=False)


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**60, 2**66),
    st.floats(),
    st.text(),
    st.text(st.sampled_from("a\0\ud800ё")),
    st.decimals(),
    st.dates(),
    st.binary(max_size=2),
)
values = st.recursive(
    odd, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=4)
)  # fmt: skip


@given(values)
def test_a_value_is_kept_as_a_reader_will_have_it_or_refused(value: Any) -> None:
    if fault(value) is not None:
        with pytest.raises(NodeError) as refused:
            plain(value)
        assert refused.value.code.startswith("value.")
        return
    kept = plain(value)
    assert json.loads(dumps(kept)) == kept
    assert "\0" not in json.dumps(kept, ensure_ascii=False)


@given(values)
def test_a_mended_value_can_always_be_stored(value: Any) -> None:
    assert fault(mended(value)) is None
    json.loads(dumps(mended(value)))


def test_a_value_that_doubles_is_looked_through_once() -> None:
    value: Any = ["x"]
    for _ in range(100):
        value = [value, value]
    assert fault(value) is None
    assert fault([value, 2**70]) is not None
