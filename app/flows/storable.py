"""What a journal can hold: JSON as orjson writes it and PostgreSQL takes it.

Not among it: integers beyond 64 bits, NaN and infinities (which would become null on the way), null characters, lone
surrogates, nesting without end, values that are no JSON. They are refused where they come up, each with its place.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from math import isfinite
from operator import is_
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from app.flows.node_type import ErrorKind, NodeError

# What one step may give, and one variable may hold. The journal's JSON ends at 254 levels, events around it included.
MOST_VALUES: Final = 1_000_000
MOST_CHARACTERS: Final = 64 * 1_048_576
DEEPEST: Final = 200
_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1
_LONGEST_PATH: Final = 200
_LONGEST_TOLD: Final = 2_000
_NUMBER: Final = "value.number_too_large"
_NOT_FINITE: Final = "value.not_finite"
_NULL: Final = "value.null_character"
_SURROGATE: Final = "value.lone_surrogate"
_DEEP: Final = "value.too_deep"
_NOT_JSON: Final = "value.not_json"
_SIMPLE: Final = frozenset({int, float, bool, type(None)})
_BUILT_IN: Final = frozenset({dict, list, tuple, str, int, float})
_Link = tuple[Any, Any]


class Fault(NamedTuple):
    """Why a value cannot be stored: a code, and the place in it (`input.orders[3].note`)."""

    code: str
    path: str


class _Unstorable(Exception):
    pass


def plain(value: Any, name: str = "output") -> Any:
    """JSON of a value that may hold models. Raises a `NodeError` for one that cannot be stored; `name` begins its place.

    A value may hold another one many times over; written out it doubles with every round of a loop. So it is counted
    while it is looked through. What is plain already stays the same object, so that steps which hand on a large value
    hold it once.
    """
    try:
        return _copied(value, [MOST_VALUES, MOST_CHARACTERS], DEEPEST)
    except (_Unstorable, ValueError):
        found = fault(value, name) or Fault(_NOT_JSON, name)
    kind = ErrorKind.BUG if found.code == _NOT_JSON else ErrorKind.INVALID_INPUT
    raise NodeError(kind, found.code, path=found.path, limit=DEEPEST)


def fault(value: Any, name: str = "", deepest: int = DEEPEST) -> Fault | None:
    """The first thing met in a value that cannot be stored. Values that stand in many places are looked at once."""
    stack: list[tuple[Any, _Link | None, int]] = [(value, None, deepest)]
    seen: set[int] = set()
    written: list[Any] = []  # so that no id is used twice
    while stack:
        item, link, deeper = stack.pop()
        kind = type(item)
        if item is None or kind is bool or (kind is str and item.isascii() and "\0" not in item):
            continue
        if kind not in _BUILT_IN and isinstance(item, BaseModel):
            item = item.model_dump(mode="json", by_alias=True)
            written.append(item)
        if kind is dict or kind is list or isinstance(item, Mapping | list | tuple):
            if id(item) in seen:
                continue
            seen.add(id(item))
            code = _DEEP if not deeper else _fault_of_keys(item)
            if code is None:
                pairs = item.items() if isinstance(item, Mapping) else enumerate(item)
                stack.extend([(each, (link, key), deeper - 1) for key, each in pairs])
        else:
            code = _fault_of(item)
        if code is not None:
            return Fault(code, _place(name, link))
    return None


def mended(value: Any, deeper: int = 20) -> Any:
    """Something like the value that can be stored: for what an error tells, which must not fail itself."""
    if isinstance(value, Mapping) and deeper:
        return {_legible(str(name)): mended(each, deeper - 1) for name, each in value.items()}
    if isinstance(value, list | tuple) and deeper:
        return [mended(each, deeper - 1) for each in value]
    if isinstance(value, str):
        return _legible(value)
    return value if type(value) in _SIMPLE and _fault_of(value) is None else _legible(_told(value))


def _told(value: Any) -> str:
    try:
        return str(value)[:_LONGEST_TOLD]
    except ValueError:  # an integer of too many digits
        return type(value).__name__


def _legible(text: str) -> str:
    if "\0" not in text and (text.isascii() or _encodes(text)):
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fault_of_text(text: str) -> str | None:
    if "\0" in text:
        return _NULL
    return None if text.isascii() or _encodes(text) else _SURROGATE


def _fault_of(value: Any) -> str | None:
    if type(value) is int:
        return None if _LEAST <= value <= _MOST else _NUMBER
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return _fault_of_text(value)
    if isinstance(value, int):
        return None if _LEAST <= value <= _MOST else _NUMBER
    if isinstance(value, Decimal):
        return None if value.is_finite() and isfinite(float(value)) else _NOT_FINITE
    if isinstance(value, float):
        return None if isfinite(value) else _NOT_FINITE
    return None if value is None or isinstance(value, date | time | UUID) else _NOT_JSON


def _fault_of_keys(holder: Any) -> str | None:
    if not isinstance(holder, list | tuple):
        for key in holder:
            code = _fault_of_text(key) if type(key) is str else _fault_of(key)
            if code is not None:
                return code
    return None


def _place(name: str, link: Any) -> str:
    keys: list[Any] = []
    while link is not None:
        link, key = link
        keys.append(key)
    found = name
    for key in reversed(keys):
        found += f"[{key}]" if isinstance(key, int) else f".{key}" if found else f"{key}"
    return _legible(found)[:_LONGEST_PATH]


def _copied(value: Any, left: list[int], deeper: int) -> Any:
    kind = type(value)
    left[0] -= 1
    if kind is str:
        left[1] -= len(value)
    if left[0] < 0 or left[1] < 0:
        raise NodeError(
            ErrorKind.INVALID_INPUT, "step.output_too_large", values=MOST_VALUES, characters=MOST_CHARACTERS
        )
    if kind is str:
        if "\0" in value or not (value.isascii() or _encodes(value)):
            raise _Unstorable
        return value
    if value is None or kind is bool:
        return value
    if kind is int or kind is float:
        if not (_LEAST <= value <= _MOST if kind is int else isfinite(value)):
            raise _Unstorable
        return value
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json", by_alias=True)
        kind = type(value)
    if not isinstance(value, Mapping | list | tuple):
        return _copied(_simple(value), left, deeper)
    if not deeper:
        raise NodeError(ErrorKind.INVALID_INPUT, "step.output_too_deep", limit=DEEPEST)
    if isinstance(value, Mapping):
        fields = {_key(name): _copied(each, left, deeper - 1) for name, each in value.items()}
        same = kind is dict and _all_same(fields, value) and _all_same(fields.values(), value.values())
        return value if same else fields
    items = [_copied(each, left, deeper - 1) for each in value]
    return value if kind is list and _all_same(items, value) else items


def _all_same(one: Iterable[Any], other: Iterable[Any]) -> bool:
    return all(map(is_, one, other))


def _simple(value: Any) -> Any:
    """The JSON of a value of another type, the same that a reader of the journal would get."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        return float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise _Unstorable


def _key(name: Any) -> str:
    """The name of a field. Of another type than text it is written as JSON writes it."""
    if type(name) is str:
        if "\0" in name or not (name.isascii() or _encodes(name)):
            raise _Unstorable
        return name
    if name is None or isinstance(name, bool):
        return {None: "null", True: "true", False: "false"}[name]
    return str(_copied(_simple(name), [1, MOST_CHARACTERS], 0))
