"""What all edits share: their error, reading an operation's fields, and validated values."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from app.errors import AppError
from app.flows import codec
from app.flows.document import Flow, Node

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P")
Op = Mapping[str, Any]
FAR: Final = 10_000_000
FARTHEST_EXTENT: Final = 1_000_000
_UNKNOWN: Final = {
    "node": "operation.unknown_node",
    "edge": "operation.unknown_edge",
    "note": "operation.unknown_note",
    "group": "operation.unknown_group",
}


class OperationError(AppError):
    """An operation that cannot be applied. 422: it is malformed whatever the document."""

    code, status = "operation.malformed", 422


class OperationConflict(OperationError):
    """It does not fit this document: something it names is missing, or already there."""

    code, status = "operation.conflict", 409


def field(op: Op, name: str, kind: type[P]) -> P:
    """A required field of the operation. Booleans are no integers."""
    value = op.get(name)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise OperationError(op=str(op.get("op"))[:40], field=name)
    return value


def coordinate(op: Op, source: Mapping[str, Any], name: str) -> int | float:
    value = source.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -FAR <= value <= FAR:
        raise OperationError(op=str(op.get("op"))[:40], field=name)
    return value


def extent(op: Op, source: Mapping[str, Any], name: str) -> int | float | None:
    """A width or height in px; None for "as large as it has to be"."""
    if source.get(name) is None:
        return None
    value = coordinate(op, source, name)
    if not 0 < value <= FARTHEST_EXTENT:
        raise OperationError(op=str(op.get("op"))[:40], field=name)
    return value


def parsed(model: type[M], data: Any, path: str, depth: int) -> M:
    """`data` as a value of the document; `depth` is how deep it will sit in the file."""
    try:
        codec.check_json(data, path, max_depth=codec.MAX_DEPTH - depth)
        return model.model_validate_json(orjson.dumps(data), strict=True)
    except ValidationError as error:
        refusal = codec.as_format_error(error, path)
    except codec.FlowFormatError as error:
        refusal = error
    raise OperationError("operation.invalid_value", code=refusal.error_code, **refusal.context)


def json_value(data: Any, path: str, depth: int) -> Any:
    """`data` after the same refusals that a file's values meet."""
    try:
        codec.check_json(data, path, max_depth=codec.MAX_DEPTH - depth)
    except codec.FlowFormatError as refusal:
        raise OperationError("operation.invalid_value", code=refusal.error_code, **refusal.context) from None
    return data


def place_of(items: Sequence[Any], item_id: str, what: str) -> int:
    """The index of the one item with this id."""
    found = [index for index, item in enumerate(items) if item.id == item_id]
    if len(found) != 1:
        code = "operation.ambiguous_id" if found else _UNKNOWN[what]
        raise OperationConflict(code, id=item_id[:80])
    return found[0]


def node_of(flow: Flow, op: Op) -> Node:
    return flow.nodes[place_of(flow.nodes, field(op, "id", str), "node")]


def absent(items: Sequence[Any], item_id: str) -> None:
    """Refuse an id that is taken."""
    if any(item.id == item_id for item in items):
        raise OperationConflict("operation.id_taken", id=item_id[:80])


def inserted(items: tuple[P, ...], item: P, op: Op) -> tuple[P, ...]:
    """With the item at the operation's `index`, at the end without one or beyond the end."""
    index = op.get("index")
    if index is None:
        return (*items, item)
    place = max(0, min(field(op, "index", int), len(items)))
    return (*items[:place], item, *items[place:])


def replaced(items: tuple[P, ...], index: int, item: P) -> tuple[P, ...]:
    return (*items[:index], item, *items[index + 1 :])


def removed(items: tuple[P, ...], index: int) -> tuple[P, ...]:
    return (*items[:index], *items[index + 1 :])


def changed(flow: Flow, **parts: Any) -> Flow:
    return flow.model_copy(update=parts)


def with_node(flow: Flow, node: Node) -> Flow:
    """With the node of this id replaced in its place."""
    return changed(flow, nodes=replaced(flow.nodes, place_of(flow.nodes, node.id, "node"), node))
