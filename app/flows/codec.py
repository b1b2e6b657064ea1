"""Between the text of a flow file and its values: `load`, `dump`, `parse` and the semantic hash.

Written text is canonical: one key order, defaults left out, a moved box is a one-line change.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, NoReturn

import orjson
from pydantic import ValidationError

from app.errors import AppError
from app.flows.document import Flow
from app.flows.migrations import SCHEMA, upgrade
from app.flows.printer import pretty

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_DEPTH: Final = 64
_UNHASHED: Final = frozenset({"name", "description", "tests", "view"})


class FlowFormatError(AppError):
    """A text or value that is no flow. `context`: `path` ("nodes[3].params"), `reason`, and `line`, `column`."""

    code, status = "flow.malformed_json", 422


class FlowTooLarge(FlowFormatError):
    code, status = "flow.too_large", 413


class _Duplicate(ValueError):
    pass


def load(text: str | bytes) -> Flow:
    """Read a flow file. Raises `FlowFormatError`; nothing else, whatever the text."""
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise FlowTooLarge(path="", size=size, limit=MAX_BYTES, reason=f"{size} bytes")
    return parse(_decode(text))


def parse(data: Any) -> Flow:
    """Validate decoded JSON. Raises `FlowFormatError` naming the first place that does not fit."""
    check_json(data)
    if not isinstance(data, dict):
        raise FlowFormatError("flow.invalid_value", path="", reason="a flow is an object")
    data = upgrade(data)
    if data.get("schema") != SCHEMA:
        raise FlowFormatError(
            "flow.unsupported_schema", path="schema", found=str(data.get("schema"))[:40], reason=SCHEMA
        )
    try:
        return Flow.model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        raise as_format_error(error) from None


def dump(flow: Flow) -> str:
    """The canonical text. `load(dump(flow)) == flow`, and dumping that again gives the same bytes."""
    return pretty(to_json(flow))


def to_json(flow: Flow) -> dict[str, Any]:
    """The canonical JSON object of a flow, as `dump` writes it."""
    data: dict[str, Any] = flow.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    full = {**flow.model_dump(mode="json", by_alias=True, include=_missing(data)), **data}
    written = {_name(name): full[_name(name)] for name in Flow.model_fields}
    written["settings"], written["requires"] = data.get("settings", {}), data.get("requires", {})
    written["view"] = flow.view.model_dump(mode="json")
    places = {name: _place(place) for name, place in written["view"]["nodes"].items()}
    ordered = [node.id for node in flow.nodes if node.id in places]
    written["view"]["nodes"] = {name: places[name] for name in (*ordered, *sorted(places))}
    written["nodes"] = [_node(value) for value in data.get("nodes", ())]
    written["edges"] = [_edge(value) for value in data.get("edges", ())]
    return written


def semantic_hash(flow: Flow) -> str:
    """SHA-256 (hex) over what a run depends on: not over view, names, descriptions, titles, notes or tests."""
    data = {name: value for name, value in to_json(flow).items() if name not in _UNHASHED}
    data["nodes"] = [
        {name: value for name, value in node.items() if name not in ("title", "note")}
        for node in data["nodes"]
    ]
    return hashlib.sha256(orjson.dumps(data)).hexdigest()


def check_json(value: Any, path: str = "", max_depth: int = MAX_DEPTH) -> None:
    """Refuse what JSON readers disagree about: NaN, huge integers, lone surrogates, deep nesting."""
    stack: list[tuple[Any, str, int]] = [(value, path, 1)]
    while stack:
        item, place, depth = stack.pop()
        kind = type(item)
        if kind is str:
            _check_text(item, place)
        elif kind is dict or kind is list or kind is tuple:
            if depth > max_depth:
                raise FlowFormatError("flow.too_deep", path=place[:200], limit=max_depth, reason="depth")
            stack.extend(_children(item, place, depth + 1))
        elif kind is int:
            if not -(2**63) <= item < 2**64:
                raise FlowFormatError("flow.invalid_number", path=place, reason="integer beyond 64 bits")
        elif kind is float:
            if item != item or item in (float("inf"), float("-inf")):
                raise FlowFormatError("flow.invalid_number", path=place, reason=str(item))
        elif item is not None and kind is not bool:
            raise FlowFormatError("flow.invalid_value", path=place, reason=f"{kind.__name__} is not JSON")


def as_format_error(error: ValidationError, prefix: str = "") -> FlowFormatError:
    """The first complaint of pydantic as ours, with `more` others."""
    complaints = error.errors(include_url=False, include_input=False)
    first = complaints[0]
    places = list(first["loc"])
    while places and places[-1] in ("int", "float"):
        places.pop()
    unknown = first["type"] == "extra_forbidden"
    return FlowFormatError(
        "flow.unknown_field" if unknown else "flow.invalid_value",
        path=place_of([prefix, *places] if prefix else places),
        reason=first["msg"],
        more=len(complaints) - 1,
    )


def place_of(parts: list[Any]) -> str:
    """`["nodes", 3, "params"]` as `nodes[3].params`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _decode(text: str | bytes) -> Any:
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FlowFormatError("flow.not_utf8", path="", offset=error.start, reason="not UTF-8") from None
    try:
        return json.loads(decoded, object_pairs_hook=_pairs, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise FlowFormatError(path="", line=error.lineno, column=error.colno, reason=error.msg) from None
    except _Duplicate as error:
        raise FlowFormatError(
            "flow.duplicate_key", path="", key=str(error)[:80], reason="duplicate key"
        ) from None
    except RecursionError:
        raise FlowFormatError("flow.too_deep", path="", limit=MAX_DEPTH, reason="depth") from None
    except ValueError:
        raise FlowFormatError("flow.invalid_number", path="", reason="number too long") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Duplicate(name)
            seen.add(name)
    return found


def _constant(name: str) -> NoReturn:
    raise FlowFormatError("flow.invalid_number", path="", reason=name)


def _check_text(text: str, place: str) -> None:
    if "\0" in text:  # no database column and no C program can hold it
        raise FlowFormatError("flow.invalid_text", path=place, reason="null character")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise FlowFormatError("flow.invalid_text", path=place, reason="lone surrogate") from None


def _children(item: Any, place: str, depth: int) -> Iterator[tuple[Any, str, int]]:
    if isinstance(item, dict):
        for name, value in item.items():
            if not isinstance(name, str):
                raise FlowFormatError("flow.invalid_value", path=place, reason="keys are strings")
            _check_text(name, place)
            yield value, f"{place}.{name}" if place else name, depth
    else:
        for index, value in enumerate(item):
            yield value, f"{place}[{index}]", depth


def _name(field: str) -> str:
    return "schema" if field == "schema_" else field


def _missing(data: dict[str, Any]) -> set[str]:
    return {name for name in Flow.model_fields if _name(name) not in data}


def _node(data: dict[str, Any]) -> dict[str, Any]:
    whole = {"v": 1, "title": "", "params": {}, "policy": {}, "parent": None} | data
    order = ("id", "type", "v", "title", "note", "enabled", "params", "policy", "parent")
    return {name: whole[name] for name in order if name in whole}


def _place(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _edge(data: dict[str, Any]) -> dict[str, Any]:
    whole = {"source_port": "out", "target_port": "in"} | data
    return {name: whole[name] for name in ("id", "source", "source_port", "target", "target_port")}
