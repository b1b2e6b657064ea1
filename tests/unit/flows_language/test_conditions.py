"""Conditions compare like with like and say where they cannot."""

from typing import Any

import pytest
from hypothesis import given, settings

from app.flows.conditions import OPS, evaluate, problems
from app.flows.node_type import NodeError
from app.flows.templates import compile_value
from tests.unit.flows_language.documents import json_values

SCOPE = {"input": {"n": 5, "text": "Refund please", "tags": ["vip", "new"], "none": None, "obj": {"a": 1}}}


def holds(condition: dict[str, Any]) -> bool:
    return evaluate(condition, lambda raw: compile_value(raw).render(SCOPE))


def compare(left: Any, op: str, *right: Any) -> dict[str, Any]:
    return {"left": left, "op": op, **({"right": right[0]} if right else {})}


TRUE = [
    compare("{{ input.n }}", "eq", 5),
    compare("{{ input.n }}", "eq", 5.0),
    compare("{{ input.n }}", "ne", 6),
    compare("{{ input.n }}", "gt", 4.5),
    compare("{{ input.n }}", "gte", 5),
    compare("{{ input.n }}", "lt", 6),
    compare("a", "lte", "b"),
    compare("{{ input.text }}", "contains", "fund"),
    compare("{{ input.text }}", "not_contains", "fundus"),
    compare("{{ input.tags }}", "contains", "vip"),
    compare("{{ input.obj }}", "contains", "a"),
    compare("{{ input.text }}", "starts_with", "Ref"),
    compare("{{ input.text }}", "ends_with", "please"),
    compare("{{ input.text }}", "matches", "(?i)^refund"),
    compare("{{ input.n }}", "in", [1, 5]),
    compare("{{ input.n }}", "not_in", [1, 2]),
    compare("{{ input.n }}", "not_in", []),
    compare("{{ input.n }}", "exists"),
    compare("{{ input.nobody.there }}", "not_exists"),
    compare("{{ input.none }}", "not_exists"),
    compare("{{ input.none }}", "is_empty"),
    compare("", "is_empty"),
    compare([], "is_empty"),
    compare("{{ input.tags }}", "not_empty"),
    compare(0, "not_empty"),
    compare(None, "eq", None),
    {"all": []},
    {"not": {"any": []}},
    {"any": [compare(1, "eq", 2), {"not": compare(1, "gt", 2)}]},
]


@pytest.mark.parametrize("condition", TRUE, ids=str)
def test_it_holds_and_its_negation_does_not(condition: dict[str, Any]) -> None:
    assert holds(condition) is True
    assert holds({"not": condition}) is False
    assert list(problems(condition)) in ([], [("condition.missing_side", "left", {"side": "left"})])


LOCATED = {
    "text with number": (compare("5", "eq", 5), "condition.unlike_types", None),
    "number with boolean": (compare(1, "eq", True), "condition.unlike_types", None),
    "null with number": (compare("{{ input.none }}", "gt", 1), "condition.unlike_types", None),
    "order of booleans": (compare(True, "lt", False), "condition.unlike_types", None),
    "number in texts": (compare(5, "in", ["5"]), "condition.unlike_types", None),
    "not in a text": (compare("a", "not_in", "abc"), "condition.unlike_types", None),
    "deep": ({"all": [{"any": [compare(1, "eq", "1")]}]}, "condition.unlike_types", "all[0].any[0]"),
    "pattern": (compare("a", "matches", "("), "condition.bad_pattern", "right"),
    "slow pattern": (
        compare("a" * 40 + "b", "matches", "^(a|aa|a?)+$" * 3),
        "condition.slow_pattern",
        "right",
    ),
    "no operator": ({"left": 1, "right": 1}, "condition.malformed", None),
    "no right side": (compare(1, "eq"), "condition.malformed", None),
    "missing value": (compare("{{ input.nobody }}", "eq", 1), "template.missing", None),
}


@pytest.mark.parametrize(("condition", "code", "path"), LOCATED.values(), ids=LOCATED)
def test_what_cannot_be_decided_is_an_error_and_never_false(
    condition: dict[str, Any], code: str, path: str | None
) -> None:
    with pytest.raises(Exception) as caught:  # a missing value is the template's own error
        holds(condition)
    assert caught.value.code == code  # type: ignore[attr-defined]
    if isinstance(caught.value, NodeError):
        assert caught.value.path == path


@settings(max_examples=200, deadline=None)
@given(json_values, json_values)
def test_every_pair_of_values_is_decided_or_refused(left: Any, right: Any) -> None:
    codes: set[str] = set()
    for op in OPS:
        condition = {"left": left, "op": op, "right": right}
        list(problems(condition))
        try:
            assert evaluate(condition, lambda raw: raw) in (True, False)
        except NodeError as refusal:
            codes.add(refusal.code.split(".")[0])
    assert codes <= {"condition"}


def test_problems_are_found_before_running() -> None:
    condition = {
        "all": [
            {"left": "", "op": "eq"},
            {"not": {"left": 1, "op": "like", "right": 2}},
            compare(1, "lt", "2"),
            compare("{{ input.n }}", "matches", "["),
            7,
            compare("a", "in", "b"),
        ]
    }
    assert [(code, place) for code, place, _ in problems(condition, "cases[0].when")] == [
        ("condition.missing_side", "cases[0].when.all[0].left"),
        ("condition.missing_side", "cases[0].when.all[0].right"),
        ("condition.unknown_op", "cases[0].when.all[1].not.op"),
        ("condition.unlike_types", "cases[0].when.all[2]"),
        ("condition.bad_pattern", "cases[0].when.all[3].right"),
        ("condition.malformed", "cases[0].when.all[4]"),
        ("condition.needs_list", "cases[0].when.all[5].right"),
    ]
