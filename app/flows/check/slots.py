"""Which credential slots the nodes of a flow name."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.flows.document import Flow


def slots_of(params: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(param, slot) for every credential that raw params name, one object deep as in `auth.credential`."""
    for name, value in params.items():
        if name == "credential" and isinstance(value, str) and value:
            yield name, value
        elif isinstance(value, Mapping):
            inner = value.get("credential")
            if isinstance(inner, str) and inner:
                yield f"{name}.credential", inner


def slots(flow: Flow) -> list[tuple[str, str, str]]:
    """(node, param, slot) for every node that would use a credential when it is performed."""
    return [
        (node.id, param, slot)
        for node in flow.nodes
        if node.enabled and node.policy.mock is None
        for param, slot in slots_of(node.params)
    ]
