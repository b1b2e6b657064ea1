"""Edits of one node. Each takes the document and the operation's fields and gives the new document."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from app.flows.document import NODE_ID, Flow, Node, Policy, Position
from app.flows.edit_values import (
    Op,
    OperationConflict,
    OperationError,
    absent,
    changed,
    coordinate,
    extent,
    field,
    inserted,
    json_value,
    node_of,
    parsed,
    place_of,
    removed,
    with_node,
)
from app.flows.renaming import renamed


def _placed(flow: Flow, node_id: str, position: Position | None) -> Flow:
    nodes = {name: place for name, place in flow.view.nodes.items() if name != node_id}
    if position is not None:
        nodes = {**flow.view.nodes, node_id: position}
    return changed(flow, view=flow.view.model_copy(update={"nodes": nodes}))


def _position(op: Op, source: Mapping[str, Any], before: Position | None) -> Position:
    """The place that an operation names. A size it does not speak of stays as it was; null takes it away."""
    place: dict[str, Any] = {name: coordinate(op, source, name) for name in ("x", "y")}
    for name in ("width", "height"):
        place[name] = extent(op, source, name) if name in source else getattr(before, name, None)
    return Position(**place)


def add(flow: Flow, op: Op) -> Flow:
    node = parsed(Node, op.get("node"), "node", 2)
    absent(flow.nodes, node.id)
    _check_parent(flow, node.id, node.parent, op)
    after = changed(flow, nodes=inserted(flow.nodes, node, op))
    position = op.get("position")
    if position is None:
        return after
    if not isinstance(position, Mapping):
        raise OperationError(op="node.add", field="position")
    return _placed(after, node.id, _position(op, position, None))


def remove(flow: Flow, op: Op) -> Flow:
    """With its edges, its position and its place in groups. A node with children is refused."""
    node_id = field(op, "id", str)
    index = place_of(flow.nodes, node_id, "node")
    if not op.get("restore") and any(node.parent == node_id for node in flow.nodes):
        raise OperationConflict("operation.has_children", id=node_id)
    groups = tuple(
        group.model_copy(update={"nodes": tuple(each for each in group.nodes if each != node_id)})
        if node_id in group.nodes
        else group
        for group in flow.view.groups
    )
    after = changed(
        flow,
        nodes=removed(flow.nodes, index),
        edges=tuple(edge for edge in flow.edges if node_id not in (edge.source, edge.target)),
        view=flow.view.model_copy(update={"groups": groups}),
    )
    return _placed(after, node_id, None)


def move(flow: Flow, op: Op) -> Flow:
    """To a place, a container also to a size: `width` and `height` where the operation names them."""
    node_id = field(op, "id", str)
    if not op.get("restore"):
        place_of(flow.nodes, node_id, "node")
    if op.get("unset"):
        return _placed(flow, node_id, None)
    return _placed(flow, node_id, _position(op, op, flow.view.nodes.get(node_id)))


def set_param(flow: Flow, op: Op) -> Flow:
    """Set or unset one param. A new one goes to `index` among the params, else to the end."""
    node, name = node_of(flow, op), field(op, "name", str)
    json_value(name, "name", 4)
    if op.get("unset"):
        params = {key: value for key, value in node.params.items() if key != name}
        return with_node(flow, node.model_copy(update={"params": params}))
    if "value" not in op:
        raise OperationError(op="node.set_param", field="value")
    value = json_value(op["value"], f"params.{name}", 4)
    if name in node.params or op.get("index") is None:
        params = {**node.params, name: value}
    else:
        params = dict(inserted(tuple(node.params.items()), (name, value), op))
    return with_node(flow, node.model_copy(update={"params": params}))


def set_policy(flow: Flow, op: Op) -> Flow:
    node, name = node_of(flow, op), field(op, "name", str)
    if name not in Policy.model_fields:
        raise OperationError(op="node.set_policy", field="name")
    if op.get("unset"):
        value: Any = Policy.model_fields[name].get_default()
    elif "value" in op:
        value = getattr(parsed(Policy, {name: op["value"]}, "policy", 3), name)
    else:
        raise OperationError(op="node.set_policy", field="value")
    policy = node.policy.model_copy(update={name: value})
    return with_node(flow, node.model_copy(update={"policy": policy}))


def _setter(name: str, kind: type[Any]) -> Callable[[Flow, Op], Flow]:
    """An edit of one plain field of a node."""

    def edit(flow: Flow, op: Op) -> Flow:
        node = node_of(flow, op)
        probe = parsed(Node, {"id": "a", "type": "t", name: field(op, name, kind)}, "node", 2)
        return with_node(flow, node.model_copy(update={name: getattr(probe, name)}))

    return edit


def rename_id(flow: Flow, op: Op) -> Flow:
    """Rewrites edges, the view, parents, groups and every template that reads `nodes.<id>`."""
    node, new_id = node_of(flow, op), field(op, "new_id", str)
    if not re.fullmatch(NODE_ID, new_id) or new_id.endswith("\n"):
        raise OperationError(op="node.rename_id", field="new_id")
    if new_id == node.id:
        return flow
    absent(flow.nodes, new_id)
    return renamed(flow, node.id, new_id)


def reparent(flow: Flow, op: Op) -> Flow:
    node, parent = node_of(flow, op), op.get("parent")
    if parent is not None:
        parent = field(op, "parent", str)
        if not re.fullmatch(NODE_ID, parent) or parent.endswith("\n"):
            raise OperationError(op="node.reparent", field="parent")
    _check_parent(flow, node.id, parent, op)
    return with_node(flow, node.model_copy(update={"parent": parent}))


def _check_parent(flow: Flow, node_id: str, parent: str | None, op: Op) -> None:
    """The parent exists and is not inside the node itself."""
    if parent is None or op.get("restore"):
        return
    above = {node.id: node.parent for node in flow.nodes}
    if parent not in above and parent != node_id:
        raise OperationConflict("operation.unknown_node", id=parent)
    seen: set[str] = set()
    step: str | None = parent
    while step is not None and step not in seen:
        if step == node_id:
            raise OperationConflict("operation.parent_cycle", id=node_id)
        seen.add(step)
        step = above.get(step)


EDITS: Final[Mapping[str, Callable[[Flow, Op], Flow]]] = {
    "node.add": add,
    "node.remove": remove,
    "node.move": move,
    "node.set_param": set_param,
    "node.set_policy": set_policy,
    "node.set_title": _setter("title", str),
    "node.set_note": _setter("note", str),
    "node.set_enabled": _setter("enabled", bool),
    "node.rename_id": rename_id,
    "node.reparent": reparent,
}
