"""What takes one operation back: for each kind, the operation that leads from the document after to the one before.

`flow` is the document before. A list is done in order. `batch` is the business of `operations`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from app.flows.codec import to_json
from app.flows.document import Edge, Flow, Node, Policy
from app.flows.edit_values import Op, node_of, place_of
from app.flows.renaming import renamed

Inverse = dict[str, Any]
_SIZES: Final = ("width", "height")


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, Node | Edge) else value


def _add_node(flow: Flow, op: Op) -> list[Inverse]:
    """Also what the file already said about this id before the node was there."""
    node_id = op["node"]["id"]
    gone: Inverse = {"op": "node.remove", "id": node_id}
    if any(node.parent == node_id for node in flow.nodes):
        gone["restore"] = True
    return [gone, *_position(flow, node_id), *_edges(flow, node_id), *_groups(flow, node_id)]


def _edges(flow: Flow, node_id: str) -> list[Inverse]:
    return [
        {"op": "edge.add", "edge": _plain(edge), "index": place, "restore": True}
        for place, edge in enumerate(flow.edges)
        if node_id in (edge.source, edge.target)
    ]


def _position(flow: Flow, node_id: str, sizes: Collection[str] | None = None) -> list[Inverse]:
    """Put a node's place back, also the stray one of a node that is not there.

    `sizes` are those to speak of, with null where it had none; without it those that it had.
    """
    place = flow.view.nodes.get(node_id)
    if place is None:
        return []
    back: Inverse = {"op": "node.move", "id": node_id, "x": place.x, "y": place.y}
    for name in _SIZES:
        if name in sizes if sizes is not None else getattr(place, name) is not None:
            back[name] = getattr(place, name)
    return [{**back, "restore": True}]


def _groups(flow: Flow, node_id: str) -> list[Inverse]:
    return [
        {"op": "group.update", "id": group.id, "fields": {"nodes": list(group.nodes)}}
        for group in flow.view.groups
        if node_id in group.nodes
    ]


def _remove_node(flow: Flow, op: Op) -> list[Inverse]:
    node_id = op["id"]
    index = place_of(flow.nodes, node_id, "node")
    node = _plain(flow.nodes[index])
    back: list[Inverse] = [{"op": "node.add", "node": node, "index": index, "restore": True}]
    return back + _position(flow, node_id) + _edges(flow, node_id) + _groups(flow, node_id)


def _move(flow: Flow, op: Op) -> list[Inverse]:
    sizes = None if op.get("unset") else [name for name in _SIZES if name in op]
    gone: Inverse = {"op": "node.move", "id": op["id"], "unset": True, "restore": True}
    return _position(flow, op["id"], sizes) or [gone]


def _set_param(flow: Flow, op: Op) -> list[Inverse]:
    return [_param_back(node_of(flow, op), op["name"])]


def _param_back(node: Node, name: str) -> Inverse:
    if name not in node.params:
        return {"op": "node.set_param", "id": node.id, "name": name, "unset": True}
    index = list(node.params).index(name)
    return {"op": "node.set_param", "id": node.id, "name": name, "value": node.params[name], "index": index}


def _set_policy(flow: Flow, op: Op) -> list[Inverse]:
    node, name = node_of(flow, op), op["name"]
    value = getattr(node.policy, name)
    if value == Policy.model_fields[name].get_default():
        return [{"op": "node.set_policy", "id": node.id, "name": name, "unset": True}]
    return [
        {
            "op": "node.set_policy",
            "id": node.id,
            "name": name,
            "value": node.policy.model_dump(mode="json")[name],
        }
    ]


def _field(name: str) -> Callable[[Flow, Op], list[Inverse]]:
    return lambda flow, op: [{"op": op["op"], "id": op["id"], name: getattr(node_of(flow, op), name)}]


def _rename(flow: Flow, op: Op) -> list[Inverse]:
    """The name back, and every param that already spoke of the new name as it was."""
    old, new = op["id"], op["new_id"]
    if old == new:
        return []
    back: list[Inverse] = [{"op": "node.rename_id", "id": new, "new_id": old}]
    restored = renamed(renamed(flow, old, new), new, old)
    for node, again in zip(flow.nodes, restored.nodes, strict=True):
        if node.params != again.params:
            back += [
                _param_back(node, name) for name in node.params if node.params[name] != again.params[name]
            ]
        if node.parent != again.parent:
            back.append({"op": "node.reparent", "id": node.id, "parent": node.parent, "restore": True})
    return back + _stray(flow, restored, new)


def _stray(flow: Flow, restored: Flow, new: str) -> list[Inverse]:
    """What the file said about the new name before any node had it."""
    back: list[Inverse] = []
    for index, (edge, again) in enumerate(zip(flow.edges, restored.edges, strict=True)):
        if edge != again:
            back.append({"op": "edge.remove", "id": edge.id})
            back.append({"op": "edge.add", "edge": _plain(edge), "index": index, "restore": True})
    if flow.view.nodes != restored.view.nodes:
        back += [
            {"op": "node.move", "id": name, "unset": True, "restore": True}
            for name in restored.view.nodes
            if name not in flow.view.nodes
        ]
        back += [inverse for name in flow.view.nodes for inverse in _position(flow, name, _SIZES)]
    for group, group_again in zip(flow.view.groups, restored.view.groups, strict=True):
        if group != group_again:
            back.append({"op": "group.update", "id": group.id, "fields": {"nodes": list(group.nodes)}})
    return back


def _reparent(flow: Flow, op: Op) -> list[Inverse]:
    return [{"op": "node.reparent", "id": op["id"], "parent": node_of(flow, op).parent, "restore": True}]


def _remove_edge(flow: Flow, op: Op) -> list[Inverse]:
    index = place_of(flow.edges, op["id"], "edge")
    return [{"op": "edge.add", "edge": _plain(flow.edges[index]), "index": index, "restore": True}]


def _set_field(flow: Flow, op: Op) -> list[Inverse]:
    return [{"op": "flow.set", "name": op["name"], "value": to_json(flow)[op["name"]]}]


def _shown(flow: Flow, what: str, item_id: str) -> tuple[int, dict[str, Any]]:
    items: tuple[Any, ...] = flow.view.notes if what == "note" else flow.view.groups
    index = place_of(items, item_id, what)
    return index, items[index].model_dump(mode="json")


def _update_shown(what: str) -> Callable[[Flow, Op], list[Inverse]]:
    def inverse(flow: Flow, op: Op) -> list[Inverse]:
        _, item = _shown(flow, what, op["id"])
        return [{"op": op["op"], "id": op["id"], "fields": {name: item[name] for name in op["fields"]}}]

    return inverse


def _remove_shown(what: str) -> Callable[[Flow, Op], list[Inverse]]:
    def inverse(flow: Flow, op: Op) -> list[Inverse]:
        index, item = _shown(flow, what, op["id"])
        return [{"op": f"{what}.add", what: item, "index": index}]

    return inverse


INVERSES: Final[Mapping[str, Callable[[Flow, Op], list[Inverse]]]] = {
    "node.add": _add_node,
    "node.remove": _remove_node,
    "node.move": _move,
    "node.set_param": _set_param,
    "node.set_policy": _set_policy,
    "node.set_title": _field("title"),
    "node.set_note": _field("note"),
    "node.set_enabled": _field("enabled"),
    "node.rename_id": _rename,
    "node.reparent": _reparent,
    "edge.add": lambda _flow, op: [{"op": "edge.remove", "id": op["edge"]["id"]}],
    "edge.remove": _remove_edge,
    "flow.set": _set_field,
    "note.add": lambda _flow, op: [{"op": "note.remove", "id": op["note"]["id"]}],
    "note.update": _update_shown("note"),
    "note.remove": _remove_shown("note"),
    "group.add": lambda _flow, op: [{"op": "group.remove", "id": op["group"]["id"]}],
    "group.update": _update_shown("group"),
    "group.remove": _remove_shown("group"),
}
