"""Conditions built without code: `{"left", "op", "right"}`, `{"all": […]}`, `{"any": […]}`, `{"not": …}`.

Only like types are compared: anything else is a located error, never false by accident.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import regex

from app.flows.node_type import ErrorKind, NodeError
from app.flows.templates import TemplateError, is_template, text

Render = Callable[[Any], Any]
UNARY: Final = frozenset({"exists", "not_exists", "is_empty", "not_empty"})
ORDER: Final = frozenset({"gt", "gte", "lt", "lte"})
TEXTUAL: Final = frozenset({"starts_with", "ends_with", "matches"})
OPS: Final = UNARY | ORDER | TEXTUAL | {"eq", "ne", "contains", "not_contains", "in", "not_in"}
ANY_KIND: Final = frozenset({"null", "boolean", "number", "text", "list", "object"})
_NEGATED: Final = {"ne": "eq", "not_contains": "contains", "not_in": "in"}
_PATTERN_TIMEOUT_S: Final = 0.2
_DEEPEST: Final = 32


def evaluate(condition: Mapping[str, Any], render: Render, path: str = "") -> bool:
    """Whether the condition holds. `render` gives the value of a raw operand.

    Raises `NodeError(invalid_input)` with `path` ("all[1].right") for unlike types or a malformed condition;
    errors of `render` pass through, except that a missing value answers `exists`.
    """
    for name in ("all", "any"):
        parts = condition.get(name)
        if isinstance(parts, list | tuple):
            results = (
                evaluate(_part(part, path), render, f"{path}{name}[{i}].") for i, part in enumerate(parts)
            )
            return all(results) if name == "all" else any(results)
    if "not" in condition:
        return not evaluate(_part(condition["not"], path), render, f"{path}not.")
    op = condition.get("op")
    if op not in OPS or "left" not in condition:
        raise _error("condition.malformed", path, op=str(op)[:40])
    if op in ("exists", "not_exists"):
        return _exists(condition["left"], render) is (op == "exists")
    left = render(condition["left"])
    if op in ("is_empty", "not_empty"):
        return (left is None or left in ("", [], {}, ())) is (op == "is_empty")
    if "right" not in condition:
        raise _error("condition.malformed", path, op=str(op))
    right = render(condition["right"])
    return (
        not _holds(_NEGATED[op], left, right, path) if op in _NEGATED else _holds(str(op), left, right, path)
    )


def _part(part: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(part, Mapping):
        raise _error("condition.malformed", path, op="")
    return part


def _exists(raw: Any, render: Render) -> bool:
    try:
        return render(raw) is not None
    except (TemplateError, NodeError) as error:
        if error.code != "template.missing":
            raise
        return False


def type_of(value: Any) -> str:
    """The JSON name of a value's type; whole and broken numbers are one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | tuple) else "object"


def unlike(op: str, left: Any, right: Any) -> bool:
    """Whether these two values cannot be compared by this operator."""
    first, second = type_of(left), type_of(right)
    op = _NEGATED.get(op, op)
    if op == "eq":
        return first != second
    if op in ORDER:
        return first != second or first not in ("number", "text")
    if op in TEXTUAL:
        return first != "text" or second != "text"
    if op == "contains":
        return (
            _foreign(left, right)
            if first == "list"
            else (first, second) not in (("text", "text"), ("object", "text"))
        )
    if op == "in":
        return second != "list" or _foreign(right, left)
    return False


def never_alike(op: str, left: frozenset[str] | None, right: frozenset[str] | None) -> bool:
    """Whether no two values of these kinds can be compared by this operator; None is any kind."""
    op = _NEGATED.get(op, op)
    first, second = left or ANY_KIND, right or ANY_KIND
    if op == "eq":
        return first.isdisjoint(second)
    if op in ORDER:
        return not first & second & {"number", "text"}
    if op in TEXTUAL:
        return "text" not in first or "text" not in second
    if op == "contains":
        return "list" not in first and not (first & {"text", "object"} and "text" in second)
    return op == "in" and "list" not in second


def _foreign(items: Any, value: Any) -> bool:
    """A list that has values, but none of this value's type."""
    return bool(items) and all(type_of(item) != type_of(value) for item in items)


def _holds(op: str, left: Any, right: Any, path: str) -> bool:
    if unlike(op, left, right):
        raise _error("condition.unlike_types", path, op=op, left=type_of(left), right=type_of(right))
    if op == "eq":
        return bool(left == right)
    if op in ORDER:
        return bool({"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[op])
    if op == "contains":
        return _has(left, right) if isinstance(left, list | tuple) else right in left
    if op == "in":
        return _has(right, left)
    if op == "matches":
        return _matches(left, right, path)
    return bool(left.startswith(right) if op == "starts_with" else left.endswith(right))


def _has(items: Any, value: Any) -> bool:
    """By value and type: a number is no boolean."""
    return any(type_of(item) == type_of(value) and item == value for item in items)


def _matches(value: str, pattern: str, path: str) -> bool:
    """A search, bounded in time: patterns come from people."""
    try:
        return regex.search(pattern, value, timeout=_PATTERN_TIMEOUT_S) is not None
    except regex.error as error:
        raise _error("condition.bad_pattern", f"{path}right", reason=str(error)[:200]) from None
    except TimeoutError:
        raise _error("condition.slow_pattern", f"{path}right", pattern=pattern[:80]) from None


def _error(code: str, path: str, **context: Any) -> NodeError:
    return NodeError(ErrorKind.INVALID_INPUT, code, path=path.rstrip(".") or None, **context)


def problems(condition: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What is wrong before anything runs, as (code, place, context). Never raises."""
    prefix = f"{place}." if place else ""
    if not isinstance(condition, Mapping) or depth > _DEEPEST:
        yield "condition.malformed", place, {"op": ""}
        return
    for name in ("all", "any"):
        if isinstance(condition.get(name), list | tuple):
            for index, part in enumerate(condition[name]):
                yield from problems(part, f"{prefix}{name}[{index}]", depth + 1)
            return
    if "not" in condition:
        yield from problems(condition["not"], f"{prefix}not", depth + 1)
        return
    yield from _comparison(condition, place, prefix)


def comparisons(condition: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any, Any]]:
    """Every complete comparison of a condition as (place, op, left, right); `exists` and its like have no right."""
    prefix = f"{place}." if place else ""
    if not isinstance(condition, Mapping) or depth > _DEEPEST:
        return
    for name in ("all", "any"):
        if isinstance(condition.get(name), list | tuple):
            for index, part in enumerate(condition[name]):
                yield from comparisons(part, f"{prefix}{name}[{index}]", depth + 1)
            return
    if "not" in condition:
        yield from comparisons(condition["not"], f"{prefix}not", depth + 1)
        return
    op = condition.get("op")
    if isinstance(op, str) and "left" in condition and (op in UNARY or "right" in condition):
        yield place, op, condition["left"], condition.get("right")


def _comparison(
    condition: Mapping[str, Any], place: str, prefix: str
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    op = condition.get("op")
    if not isinstance(op, str) or op not in OPS:
        yield "condition.unknown_op", f"{prefix}op", {"op": text(op)[:40]}
        return
    if "left" not in condition or condition["left"] == "":
        yield "condition.missing_side", f"{prefix}left", {"side": "left"}
    if op in UNARY:
        return
    if "right" not in condition:
        yield "condition.missing_side", f"{prefix}right", {"side": "right"}
        return
    right = condition["right"]
    if op == "matches" and isinstance(right, str) and not is_template(right):
        try:
            regex.compile(right)
        except regex.error as error:
            yield "condition.bad_pattern", f"{prefix}right", {"reason": str(error)[:200]}
    if op in ("in", "not_in") and not isinstance(right, list | tuple) and not is_template(right):
        yield "condition.needs_list", f"{prefix}right", {"op": op}
    elif (
        "left" in condition
        and not _open(condition["left"])
        and not _open(right)
        and unlike(op, condition["left"], right)
    ):
        yield "condition.unlike_types", place, {
            "op": op, "left": type_of(condition["left"]), "right": type_of(right)
        }  # fmt: skip


def _open(value: Any) -> bool:
    """Whether the value is known only while running."""
    if isinstance(value, Mapping):
        return any(_open(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_open(item) for item in value)
    return is_template(value) or value == ""
