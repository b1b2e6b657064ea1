"""What has surely run when a node runs: the ground for telling a reference that some path skips.

Facts are bits: "this node ran" and "it left by this port". A node runs because at least one of its edges was
taken, so it knows what all its edges agree on; and whatever a taken port leads to has run as well, as long as
the node waits for it.
"""

from app.flows.check.graph import ERROR_PORT, Graph
from app.flows.document import Edge


class Certainty:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._port_bit: dict[tuple[str, str], int] = {}
        self._targets: dict[tuple[str, str], list[str]] = {}
        for edge in graph.edges:
            place = (edge.source, edge.source_port)
            self._port_bit.setdefault(place, 1 << (len(graph.nodes) + len(self._port_bit)))
            self._targets.setdefault(place, []).append(edge.target)
        self._forks = [place for place, targets in self._targets.items() if len(targets) > 1]
        self._single = {node_id: self._only_port(node_id) for node_id in graph.nodes}
        self.facts: dict[str, int] = {}
        for node_id in graph.order:
            self.facts[node_id] = self._known(node_id)

    def surely_ran(self, node_id: str, before: str) -> bool:
        """Whether `node_id` has run in every run in which `before` runs."""
        return bool(self.facts.get(before, 0) & self._graph.bit[node_id])

    def surely_taken(self, edge: Edge) -> bool:
        """Whether this edge was taken in every run in which its target runs."""
        return bool(self.facts.get(edge.target, 0) & self._port_bit[(edge.source, edge.source_port)])

    def surely_left_well(self, node_id: str, before: str) -> bool:
        """Whether `node_id` has left by a port other than `error` in every run in which `before` runs."""
        return self._left(node_id, before, well=True)

    def surely_failed(self, node_id: str, before: str) -> bool:
        """Whether `node_id` has left by its `error` port in every run in which `before` runs."""
        return self._left(node_id, before, well=False)

    def _left(self, node_id: str, before: str, *, well: bool) -> bool:
        facts = self.facts.get(before, 0)
        return any(
            facts & self._port_bit[(node_id, edge.source_port)]
            for edge in self._graph.outgoing[node_id]
            if (edge.source_port != ERROR_PORT) is well
        )

    def _only_port(self, node_id: str) -> str | None:
        ports = self._graph.ports(node_id)
        if ports is None:
            ports = tuple({edge.source_port for edge in self._graph.outgoing[node_id]})
        node = self._graph.nodes[node_id]
        if not node.enabled or node.policy.mock is not None:
            container = self._graph.container(node_id)
            ports = (container.done,) if container else ("out",) if "out" in ports else ports[:1]
        return ports[0] if len(ports) == 1 else None

    def _known(self, node_id: str) -> int:
        incoming = self._graph.incoming[node_id]
        if not incoming:
            return 0
        facts = ~0
        for edge in incoming:
            facts &= self._by(edge)
        return self._closed(facts, self._graph.awaited[node_id]) if len(incoming) > 1 else facts

    def _by(self, edge: Edge) -> int:
        return (
            self.facts[edge.source]
            | self._graph.bit[edge.source]
            | self._port_bit[(edge.source, edge.source_port)]
        )

    def _closed(self, facts: int, upstream: int) -> int:
        """With everything that taken ports led to, among what is decided before the node."""
        stack = [place for place in self._forks if facts & self._port_bit[place]]
        while stack:
            for target in self._targets[stack.pop()]:
                bit = self._graph.bit[target]
                if facts & bit or not upstream & bit:
                    continue
                facts |= bit
                only = self._single[target]
                if only is not None and (target, only) in self._port_bit:
                    facts |= self._port_bit[(target, only)]
                    stack.append((target, only))
        return facts
