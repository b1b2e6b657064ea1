"""The order in which the values of a flow become known: a container after its body, and before what follows it."""

from collections import deque
from collections.abc import Mapping

from app.flows.check.graph import Graph


def order_of_knowing(graph: Graph, children: Mapping[str, list[str]]) -> list[tuple[str, bool]]:
    """Every ordered node as (id, False), a container once more as (id, True) when its body is behind it."""
    holds = {node_id: graph.container(node_id) is not None for node_id in graph.order}
    after: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
    waiting: dict[tuple[str, bool], int] = {(node_id, False): 0 for node_id in holds}
    waiting |= {(node_id, True): 0 for node_id, is_container in holds.items() if is_container}

    def follow(earlier: tuple[str, bool], later: tuple[str, bool]) -> None:
        after.setdefault(earlier, []).append(later)
        waiting[later] += 1

    for node_id, is_container in holds.items():
        if is_container:
            follow((node_id, False), (node_id, True))
            for child in children.get(node_id, ()):
                if child in holds:
                    follow((child, holds[child]), (node_id, True))
        for edge in graph.outgoing[node_id]:
            if edge.target in holds:
                follow((node_id, is_container and not graph.enters(edge)), (edge.target, False))
    ready = deque(each for each, count in waiting.items() if not count)
    found = []
    while ready:
        each = ready.popleft()
        found.append(each)
        for later in after.get(each, ()):
            waiting[later] -= 1
            if not waiting[later]:
                ready.append(later)
    return found
