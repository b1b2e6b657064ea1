"""Shapes of values as JSON Schemas: what is inside one, what kinds of value it allows, what a literal looks like.

Every answer errs towards "anything": only what is certain is said. Schemas here have no `$ref`; see `resolved`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]
ANYTHING: Final[Schema] = {}
TEXT: Final[Schema] = {"type": "string"}
NULL: Final[Schema] = {"type": "null"}
INTEGER: Final[Schema] = {"type": "integer"}
LIST: Final[Schema] = {"type": "array"}
NUMBER: Final[Schema] = {"type": "number"}
# What a failure leaves on the `error` port; see `events.ErrorValue`.
ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "kind": TEXT,
        "code": TEXT,
        "message": TEXT,
        "retryable": {"type": "boolean"},
        "attempts": INTEGER,
        "node": {"type": ["string", "null"]},
        "param": {"type": ["string", "null"]},
        "path": {"type": ["string", "null"]},
        "place": TEXT,
        "context": {"type": "object", "additionalProperties": True},
    },
    "required": ["kind", "code", "message", "retryable", "attempts", "node"],
}
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean", "null"})
# Whole and broken numbers are one kind: 2.0 is an integer to JSON Schema.
_KIND: Final = {
    "string": "text", "number": "number", "integer": "number", "boolean": "boolean", "null": "null",
    "array": "list", "object": "object",
}  # fmt: skip
KINDS: Final = frozenset(_KIND.values())
_ONE_KIND: Final = {name: frozenset({kind}) for name, kind in _KIND.items()}
_COMBINED: Final = ("anyOf", "oneOf", "allOf", "$ref")
_MOST_OPTIONS: Final = 40
_DEEPEST: Final = 24


def resolved(schema: Any) -> Schema:
    """The schema with its references put in place; one that holds itself allows anything there."""
    if not isinstance(schema, Mapping):
        return ANYTHING
    return _resolved(schema, schema, {}) if _refers(schema) else schema


def options(schema: Any) -> list[Schema]:
    """The alternatives of a schema."""
    if isinstance(schema, dict) and schema.keys().isdisjoint(_COMBINED):
        return [schema]
    found: list[Schema] = []
    stack = [schema]
    while stack:
        each = stack.pop()
        if not isinstance(each, Mapping):
            return [ANYTHING]
        parts = each.get("anyOf") or each.get("oneOf")
        if isinstance(parts, list) and parts:
            stack.extend(reversed(parts))
        else:
            found.append(ANYTHING if "allOf" in each or "$ref" in each else each)
        if len(found) + len(stack) > _MOST_OPTIONS:
            return [ANYTHING]
    return found


def union(schemas: Iterable[Schema]) -> Schema:
    """What is one of these."""
    parts = list(schemas)
    if len(parts) == 1:
        return parts[0]
    found: list[Schema] = []
    for schema in parts:
        for option in options(schema):
            if not option:
                return ANYTHING
            if not any(_same(option, each) for each in found):
                found.append(option)
    if len(found) == 1:
        return found[0]
    return {"anyOf": found} if found else ANYTHING


def _same(left: Schema, right: Schema) -> bool:
    """Equal as far as can be told at once: what has parts is compared by identity."""
    if left is right:
        return True
    flat = not any(name in each for each in (left, right) for name in ("properties", "items"))
    return flat and left == right


def kinds(schema: Schema) -> frozenset[str] | None:
    """The kinds of value it allows, named as conditions name them; None where it may be any."""
    if not schema:
        return None
    only = schema.get("type")
    if isinstance(only, str) and schema.keys().isdisjoint(_COMBINED) and "nullable" not in schema:
        return _ONE_KIND.get(only)
    found: set[str] = set()
    for option in options(schema):
        declared = option.get("type")
        names = [declared] if isinstance(declared, str) else declared
        if not isinstance(names, list | tuple):
            names = [_name(each) for each in _fixed(option)]
        if not names:
            return None
        found |= {_KIND.get(name, "") if isinstance(name, str) else "" for name in names}
        if option.get("nullable") is True:
            found.add("null")
    return None if "" in found else frozenset(found)


def named(found: frozenset[str] | None) -> str:
    """Kinds in words."""
    return " | ".join(sorted(found)) if found else "any"


def inside(schema: Schema, path: Path) -> Schema:
    """What stands at a path, where something does."""
    for step in path:
        found = [_inside(option, step) for option in options(schema)]
        schema = union(each for each in found if each is not None)
    return schema


def missing_step(schema: Schema, path: Path) -> int | None:
    """The index of the first step that no value of this schema can have; None while all may exist."""
    for index, step in enumerate(path):
        found = [_inside(option, step) for option in options(schema)]
        known = [each for each in found if each is not None]
        if not known:
            return index
        schema = union(known)
        if not schema:
            return None
    return None


def known_steps(schema: Schema) -> list[str]:
    """The names that values of this schema are known to have."""
    return list(dict.fromkeys(name for option in options(schema) for name in properties(option)))


def properties(option: Schema) -> Mapping[str, Any]:
    found = option.get("properties")
    return found if isinstance(found, dict) else {}


def required(option: Schema) -> list[str]:
    found = option.get("required")
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def element(schema: Schema) -> Schema:
    """An element of the list that a value of this schema is."""
    found = [
        ANYTHING if option.get("type") != "array" else _items(option)
        for option in options(schema)
        if (kinds(option) or KINDS) & {"list"}
    ]
    return union(found)


def obj(fields: Mapping[str, Schema], *, sure: Iterable[str] | None = None) -> Schema:
    """An object with these fields and no other; all of them, or only the `sure` ones, are always there."""
    always = list(fields if sure is None else sure)
    return {
        "type": "object",
        "properties": dict(fields),
        "required": always,
        "additionalProperties": False,
    }


def listing(items: list[Schema]) -> Schema:
    """A list of just these elements."""
    count = len(items)
    return {
        "type": "array", "prefixItems": items, "items": union(items), "minItems": count, "maxItems": count
    }  # fmt: skip


def constant(value: Any) -> Schema:
    """A value that is known: its shape, and itself where it is a scalar."""
    if isinstance(value, Mapping):
        return obj({str(name): constant(each) for name, each in value.items()})
    if isinstance(value, list | tuple):
        return listing([constant(each) for each in value])
    return {"type": _name(value), "const": value}


def _fixed(option: Schema) -> list[Any]:
    if "const" in option:
        return [option["const"]]
    found = option.get("enum")
    return found if isinstance(found, list) else []


def _name(value: Any) -> str:
    """The name that JSON Schema gives the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return "object" if isinstance(value, Mapping) else "array"


def _items(option: Schema) -> Schema:
    found = option.get("items", ANYTHING)
    return found if isinstance(found, Mapping) else ANYTHING


def _inside(option: Schema, step: str | int) -> Schema | None:
    """The schema of one step inside; None where there can be none."""
    kind = option.get("type")
    if kind == "array":
        if step == "size":
            return INTEGER
        return _items(option) if isinstance(step, int) or step in ("first", "last") else None
    if isinstance(kind, str) and kind in _SCALARS:
        return INTEGER if kind == "string" and step == "size" else None
    named = properties(option)
    if step in named:
        inner = named[str(step)]
        return inner if isinstance(inner, dict) else ANYTHING
    additional = option.get("additionalProperties")
    if isinstance(additional, Mapping):
        return additional
    if step == "size" or additional is True or option.get("patternProperties"):
        return ANYTHING
    if isinstance(kind, list) and set(kind) - {"object"} - _SCALARS:
        return ANYTHING
    return None if named or additional is False else ANYTHING


def _refers(schema: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return True
    if isinstance(schema, Mapping):
        return "$ref" in schema or any(_refers(each, depth + 1) for each in schema.values())
    return isinstance(schema, list) and any(_refers(each, depth + 1) for each in schema)


def _resolved(schema: Any, root: Schema, known: dict[str, Any], depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return ANYTHING
    if isinstance(schema, list):
        return [_resolved(each, root, known, depth + 1) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference not in known:
            known[reference] = ANYTHING  # while it is looked into
            known[reference] = _resolved(_pointed(reference, root), root, known, depth + 1)
        return known[reference]
    return {name: _resolved(each, root, known, depth + 1) for name, each in schema.items() if name != "$defs"}


def _pointed(reference: str, root: Schema) -> Any:
    value: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        value = value.get(step) if isinstance(value, Mapping) and step else value
    return value if isinstance(value, Mapping) else ANYTHING
