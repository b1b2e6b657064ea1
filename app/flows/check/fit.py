"""Whether a value of one shape can ever fit another. Only certain clashes are told: silence is no promise."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import best_match

from app.flows.check.shapes import Schema, kinds, named, options, properties, required
from app.flows.codec import place_of

# What pydantic makes a value of a kind from.
_CONVERTED: Final = {
    "number": frozenset({"number", "text", "boolean"}),
    "boolean": frozenset({"boolean", "number", "text"}),
}
_DEEPEST: Final = 12
_REMEMBERED: Final = 512


@dataclass(frozen=True, slots=True)
class Clash:
    """`given` and `wanted` name kinds of value, or say what is missing or in the way (`what`).

    `path` leads into the value. One that is not `sure` depends on the value: an element of a list that may be
    empty, a field that may be absent.
    """

    given: str
    wanted: str
    path: tuple[str | int, ...] = ()
    sure: bool = True
    what: str = "kind"

    @property
    def place(self) -> str:
        return place_of(list(self.path))


def clash(given: Schema, wanted: Schema, *, converts: bool = False) -> Clash | None:
    """The first certain clash, sure ones first. With `converts` values are converted as pydantic does."""
    found = list(_clashes(given, wanted, converts, (), True))
    return min(found, key=lambda each: not each.sure, default=None)


def _clashes(
    given: Schema, wanted: Schema, converts: bool, path: tuple[str | int, ...], sure: bool
) -> Iterator[Clash]:
    if not wanted or not given or len(path) > _DEEPEST:
        return
    has, takes = kinds(given), kinds(wanted)
    if has is not None and takes is not None:
        wide = frozenset().union(*(_CONVERTED.get(each, {each}) for each in takes)) if converts else takes
        if has.isdisjoint(wide):
            yield Clash(named(has), named(takes), path, sure)
            return
    if converts:
        return
    if "const" in given:
        reason = misfit(given["const"], wanted)
        if reason is not None:
            yield Clash(str(given["const"])[:80], reason, path, sure, "value")
        return
    one, other = options(given), options(wanted)
    if len(one) == 1 and len(other) == 1:
        if "object" in (kinds(one[0]) or ()):
            yield from _fields(one[0], other[0], path, sure)
        if "list" in (kinds(one[0]) or ()):
            yield from _elements(one[0], other[0], path, sure)


def closed(schema: Schema) -> bool:
    """Whether an object may have no other fields than the named ones."""
    return schema.get("additionalProperties") is False and not schema.get("patternProperties")


def _fields(given: Schema, wanted: Schema, path: tuple[str | int, ...], sure: bool) -> Iterator[Clash]:
    has, takes = properties(given), properties(wanted)
    always = set(required(given))
    if given.get("additionalProperties") is False:
        for name in required(wanted):
            if name not in has:
                yield Clash("", named(kinds(takes.get(name) or {})), (*path, name), sure, "missing")
    for name, inner in has.items():
        if name in takes:
            yield from _clashes(inner, takes[name], False, (*path, name), sure and name in always)
        elif name in always and closed(wanted):
            yield Clash(named(kinds(inner)), "", (*path, name), sure, "unknown")


def _elements(given: Schema, wanted: Schema, path: tuple[str | int, ...], sure: bool) -> Iterator[Clash]:
    takes = wanted.get("items")
    if not isinstance(takes, Mapping) or "prefixItems" in wanted:
        return
    listed = given.get("prefixItems")
    if isinstance(listed, list):
        for index, each in enumerate(listed):
            yield from _clashes(each, takes, False, (*path, index), sure)
    elif isinstance(given.get("items"), Mapping):
        yield from _clashes(given["items"], takes, False, (*path, 0), False)


def misfit(value: Any, wanted: Schema) -> str | None:
    """Why a known value does not fit a schema; None where it does, or where that is no schema."""
    try:
        found = best_match(
            _validator(orjson.dumps(wanted, option=orjson.OPT_NON_STR_KEYS)).iter_errors(value)
        )
    except Exception:  # patterns that are none, references that lead nowhere: said where the schema stands
        return None
    return None if found is None else found.message[:200]


@lru_cache(maxsize=_REMEMBERED)
def _validator(schema: bytes) -> Draft202012Validator:
    loaded = orjson.loads(schema)
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


def fault(schema: Any) -> str:
    """Why this is no JSON Schema; empty where it is one."""
    try:
        return _fault(orjson.dumps(schema, option=orjson.OPT_NON_STR_KEYS))
    except (TypeError, ValueError):
        return "not JSON"


@lru_cache(maxsize=_REMEMBERED)
def _fault(schema: bytes) -> str:
    try:
        Draft202012Validator.check_schema(orjson.loads(schema))
    except SchemaError as error:
        return error.message[:200]
    return ""
