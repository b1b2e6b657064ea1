"""Old documents and old nodes, brought to the current form one pure step at a time."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from app.flows.document import Flow, Node
from app.flows.node_type import Catalog, NodeType

SCHEMA: Final = "flow/1"
Step = Callable[[dict[str, Any]], dict[str, Any]]
# From a schema to the step that leads to the next one.
STEPS: Final[Mapping[str, tuple[str, Step]]] = {}


def upgrade(data: dict[str, Any], steps: Mapping[str, tuple[str, Step]] = STEPS) -> dict[str, Any]:
    """Lead decoded JSON from its own `schema` to the current one; an unknown schema comes back as it was."""
    schema = data.get("schema")
    while isinstance(schema, str) and schema in steps:
        following, step = steps[schema]
        data = {**step(data), "schema": following}
        schema = following
    return data


def params_now(node: Node, node_type: NodeType) -> dict[str, Any] | None:
    """The node's params in the form of the current type version; None where no path leads there.

    `node_type.migrations[0]` leads from version 1 to 2, and so on.
    """
    if node.v == node_type.version:
        return node.params
    if node.v > node_type.version or len(node_type.migrations) < node_type.version - 1:
        return None
    params = dict(node.params)
    for step in node_type.migrations[node.v - 1 : node_type.version - 1]:
        params = step(params)
    return params


def migrate_nodes(flow: Flow, catalog: Catalog) -> Flow:
    """The flow with every node that can be brought to its type's current version; others stay as they are."""
    changed = False
    nodes = []
    for node in flow.nodes:
        node_type = catalog.get(node.type)
        params = params_now(node, node_type) if node_type and node.v != node_type.version else None
        if node_type and params is not None:
            node = node.model_copy(update={"v": node_type.version, "params": params})
            changed = True
        nodes.append(node)
    return flow.model_copy(update={"nodes": tuple(nodes)}) if changed else flow
