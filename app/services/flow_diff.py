"""What differs between two documents, in the words of the language: fields of the flow, nodes and edges by id."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.flows.codec import semantic_hash
from app.flows.document import Flow
from app.schemas.flows import ChangedView, ChangeView, DiffView, PartsDiffView

_OWN = ("name", "description", "kind", "inputs", "state", "settings", "requires", "tests")
_ABSENT = object()


def difference(old: Flow, new: Flow, *, before: int | str, after: int | str) -> DiffView:
    """The layout (`view`) is left out: a moved box is no change of the flow."""
    left, right = old.model_dump(mode="json", by_alias=True), new.model_dump(mode="json", by_alias=True)
    return DiffView(
        before=before,
        after=after,
        same_meaning=semantic_hash(old) == semantic_hash(new),
        flow=[change for name in _OWN for change in _changes(left[name], right[name], name)],
        nodes=_parts(left["nodes"], right["nodes"]),
        edges=_parts(left["edges"], right["edges"]),
    )


def _parts(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> PartsDiffView:
    old, new = {part["id"]: part for part in left}, {part["id"]: part for part in right}
    changed = [
        ChangedView(id=part_id, changes=changes)
        for part_id, part in new.items()
        if part_id in old and (changes := list(_changes(old[part_id], part, "")))
    ]
    return PartsDiffView(
        added=[part for part_id, part in new.items() if part_id not in old],
        removed=[part for part_id, part in old.items() if part_id not in new],
        changed=changed,
    )


def _changes(old: Any, new: Any, path: str) -> Iterator[ChangeView]:
    """The smallest fields that differ. Lists are compared whole: their places have no names."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(each for each in new if each not in old)]:
            inner = f"{path}.{name}" if path else str(name)
            yield from _changes(old.get(name, _ABSENT), new.get(name, _ABSENT), inner)
    elif old != new or type(old) is not type(new):
        yield ChangeView(path=path, before=_shown(old), after=_shown(new))


def _shown(value: Any) -> Any:
    return None if value is _ABSENT else value
