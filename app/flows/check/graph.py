"""A flow as a graph: who leads to whom, in which order, and what has surely run before a node does.

Built for any document, however broken: edges that lead nowhere are left out, nodes on a cycle have no order.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from app.flows.document import Edge, Flow, Node
from app.flows.migrations import params_now
from app.flows.node_type import Catalog, Container, Join, NodeType

ERROR_PORT: Final = "error"


class Graph:
    """An index over one flow. The first of nodes with the same id counts."""

    def __init__(self, flow: Flow, catalog: Catalog) -> None:
        self.flow = flow
        self.nodes: dict[str, Node] = {}
        for node in flow.nodes:
            self.nodes.setdefault(node.id, node)
        self.types: dict[str, NodeType | None] = {
            node_id: catalog.get(node.type) for node_id, node in self.nodes.items()
        }
        self.params: dict[str, Mapping[str, Any] | None] = {
            node_id: self._params(node) for node_id, node in self.nodes.items()
        }
        self.edges: list[Edge] = [
            edge for edge in flow.edges if edge.source in self.nodes and edge.target in self.nodes
        ]
        self.incoming: dict[str, list[Edge]] = {node_id: [] for node_id in self.nodes}
        self.outgoing: dict[str, list[Edge]] = {node_id: [] for node_id in self.nodes}
        for edge in self.edges:
            self.incoming[edge.target].append(edge)
            self.outgoing[edge.source].append(edge)
        self.triggers: list[str] = [node_id for node_id in self.nodes if self.is_trigger(node_id)]

    def _params(self, node: Node) -> Mapping[str, Any] | None:
        """Params in the form of the current version; None where the type or the way there is unknown."""
        node_type = self.types[node.id]
        if node_type is None:
            return None
        try:
            return params_now(node, node_type)
        except Exception:  # a migration met params no valid file of its version could have
            return None

    def containers(self, node_id: str) -> list[str]:
        """The nodes a node stands in, innermost first; ends where a parent is missing or repeats itself."""
        found: list[str] = []
        above = self.nodes[node_id].parent
        while above is not None and above in self.nodes and above not in found and above != node_id:
            found.append(above)
            above = self.nodes[above].parent
        return found

    def container(self, node_id: str) -> Container | None:
        node_type = self.types.get(node_id)
        return node_type.container if node_type else None

    def enters(self, edge: Edge) -> bool:
        """Whether an edge leads from a container into its body."""
        container = self.container(edge.source)
        return container is not None and edge.source_port == container.port

    def join(self, node_id: str) -> Join | None:
        """How an early join joins; None for any other node."""
        node_type, params = self.types[node_id], self.params[node_id]
        if node_type is None or node_type.join is None or not self.nodes[node_id].enabled:
            return None
        try:
            return node_type.join(params or {})
        except Exception:  # params of any shape stand in an unfinished document
            return None

    def effects(self, node: Node) -> str:
        """The effect class of a node as it stands; a disabled or mocked one does nothing."""
        node_type, params = self.types[node.id], self.params[node.id]
        if node_type is None or not node.enabled or node.policy.mock is not None:
            return "none"
        try:
            return node_type.effects_for(params or {})
        except Exception:  # params of any shape stand in an unfinished document
            return "none"

    def is_trigger(self, node_id: str) -> bool:
        node_type = self.types[node_id]
        return node_type.trigger if node_type else self.nodes[node_id].type.startswith("trigger.")

    def ports(self, node_id: str) -> tuple[str, ...] | None:
        """Ports a node can leave by, `error` included where the policy opens it; None for an unknown type."""
        node, node_type, params = self.nodes[node_id], self.types[node_id], self.params[node_id]
        if node_type is None or params is None:
            return None
        ports = node_type.out_ports(params)
        return (*ports, ERROR_PORT) if node.policy.on_error == "port" else ports

    @cached_property
    def order(self) -> list[str]:
        """Nodes so that every one stands behind those it depends on; nodes behind a cycle are missing."""
        waiting = {node_id: len(edges) for node_id, edges in self.incoming.items()}
        ready = deque(node_id for node_id, count in waiting.items() if not count)
        ordered = []
        while ready:
            node_id = ready.popleft()
            ordered.append(node_id)
            for edge in self.outgoing[node_id]:
                waiting[edge.target] -= 1
                if not waiting[edge.target]:
                    ready.append(edge.target)
        return ordered

    @cached_property
    def reachable(self) -> set[str]:
        found = set(self.triggers)
        stack = list(self.triggers)
        while stack:
            for edge in self.outgoing[stack.pop()]:
                if edge.target not in found:
                    found.add(edge.target)
                    stack.append(edge.target)
        return found

    def cycles(self) -> Iterator[list[str]]:
        """Each knot of cycles as the ids of its nodes, in file order."""
        core = set(self.nodes) - set(self.order)
        shrinking = True
        while shrinking:
            ends = {each for each in core if not any(edge.target in core for edge in self.outgoing[each])}
            core -= ends
            shrinking = bool(ends)
        while core:
            start = next(node_id for node_id in self.nodes if node_id in core)
            knot, stack = {start}, [start]
            while stack:
                here = stack.pop()
                ends_of = [edge.target for edge in self.outgoing[here]]
                ends_of += [edge.source for edge in self.incoming[here]]
                for each in ends_of:
                    if each in core and each not in knot:
                        knot.add(each)
                        stack.append(each)
            core -= knot
            yield [node_id for node_id in self.nodes if node_id in knot]

    @cached_property
    def bit(self) -> dict[str, int]:
        return {node_id: 1 << index for index, node_id in enumerate(self.nodes)}

    @cached_property
    def upstream(self) -> dict[str, int]:
        """Per ordered node, a bit set of every node that is decided before it starts."""
        found: dict[str, int] = {}
        for node_id in self.order:
            bits = 0
            for edge in self.incoming[node_id]:
                bits |= found[edge.source] | self.bit[edge.source]
            found[node_id] = bits
        return found

    @cached_property
    def awaited(self) -> dict[str, int]:
        """Per ordered node, a bit set of the nodes that are done or skipped when it starts: an early join waits
        for no more than what all its edges have in common.
        """
        found: dict[str, int] = {}
        for node_id in self.order:
            sets = [found[edge.source] | self.bit[edge.source] for edge in self.incoming[node_id]]
            early, bits = self.join(node_id) is not None, 0
            for index, each in enumerate(sets):
                bits = each if not index else bits & each if early else bits | each
            found[node_id] = bits
        return found
