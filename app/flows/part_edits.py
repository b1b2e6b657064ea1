"""Edits of edges, notes, groups and the flow's own fields."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.flows.document import Edge, Flow, Group, Note
from app.flows.edit_values import (
    Op,
    OperationConflict,
    OperationError,
    absent,
    changed,
    field,
    inserted,
    parsed,
    place_of,
    removed,
    replaced,
)

SETTABLE: Final = ("name", "description", "kind", "inputs", "state", "settings", "requires", "tests")
_MODELS: Final[Mapping[str, type[Note] | type[Group]]] = {"note": Note, "group": Group}


def add_edge(flow: Flow, op: Op) -> Flow:
    edge = parsed(Edge, op.get("edge"), "edge", 2)
    absent(flow.edges, edge.id)
    if not op.get("restore"):
        known = {node.id for node in flow.nodes}
        for end in (edge.source, edge.target):
            if end not in known:
                raise OperationConflict("operation.unknown_node", id=end)
    return changed(flow, edges=inserted(flow.edges, edge, op))


def remove_edge(flow: Flow, op: Op) -> Flow:
    return changed(flow, edges=removed(flow.edges, place_of(flow.edges, field(op, "id", str), "edge")))


def set_field(flow: Flow, op: Op) -> Flow:
    name = field(op, "name", str)
    if name not in SETTABLE or "value" not in op:
        raise OperationError(op="flow.set", field="value" if name in SETTABLE else "name")
    probe = parsed(Flow, {name: op["value"]}, "", 0)
    return changed(flow, **{name: getattr(probe, name)})


def _shown(flow: Flow, what: str) -> tuple[Any, ...]:
    return flow.view.notes if what == "note" else flow.view.groups


def _show(flow: Flow, what: str, items: tuple[Any, ...]) -> Flow:
    return changed(flow, view=flow.view.model_copy(update={f"{what}s": items}))


def _adder(what: str) -> Callable[[Flow, Op], Flow]:
    def edit(flow: Flow, op: Op) -> Flow:
        item = parsed(_MODELS[what], op.get(what), what, 3)
        absent(_shown(flow, what), item.id)
        return _show(flow, what, inserted(_shown(flow, what), item, op))

    return edit


def _updater(what: str) -> Callable[[Flow, Op], Flow]:
    def edit(flow: Flow, op: Op) -> Flow:
        items = _shown(flow, what)
        index = place_of(items, field(op, "id", str), what)
        fields = field(op, "fields", dict)
        if "id" in fields:
            raise OperationError(op=f"{what}.update", field="fields")
        item = parsed(_MODELS[what], {"id": "probe", **fields}, what, 3)
        known = {name: getattr(item, name) for name in fields}
        return _show(flow, what, replaced(items, index, items[index].model_copy(update=known)))

    return edit


def _remover(what: str) -> Callable[[Flow, Op], Flow]:
    def edit(flow: Flow, op: Op) -> Flow:
        items = _shown(flow, what)
        return _show(flow, what, removed(items, place_of(items, field(op, "id", str), what)))

    return edit


EDITS: Final[Mapping[str, Callable[[Flow, Op], Flow]]] = {
    "edge.add": add_edge,
    "edge.remove": remove_edge,
    "flow.set": set_field,
    "note.add": _adder("note"),
    "note.update": _updater("note"),
    "note.remove": _remover("note"),
    "group.add": _adder("group"),
    "group.update": _updater("group"),
    "group.remove": _remover("group"),
}
