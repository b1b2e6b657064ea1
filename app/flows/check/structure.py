"""Problems of the drawing: ids, edges, ports, triggers, parents, cycles, policies and slots."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from app.flows.check.graph import ERROR_PORT, Graph
from app.flows.check.problem import Problem, Severity
from app.flows.check.slots import slots_of
from app.flows.document import Edge, Node
from app.flows.keeping import can_keep

# A rule may start from many events; these kinds have one trigger a person expects.
_USUAL_TRIGGER: Final = {"agent": "trigger.chat", "task": "trigger.call", "sequence": "trigger.call"}

_OF_THE_RUN: Final = frozenset(
    {"output.result", "logic.stop", "channel.send", "channel.ask", "sequence.step", "human.takeover"}
)


def structure(graph: Graph) -> Iterator[Problem]:
    yield from _ids(graph)
    yield from _triggers(graph)
    for edge in graph.flow.edges:
        yield from _edge(graph, edge)
    for knot in graph.cycles():
        yield Problem("graph.cycle", node=knot[0], context={"nodes": ", ".join(knot[:8])})
    for node in graph.nodes.values():
        yield from _node(graph, node)


def _ids(graph: Graph) -> Iterator[Problem]:
    for node_id, count in Counter(node.id for node in graph.flow.nodes).items():
        if count > 1:
            yield Problem("node.duplicate_id", node=node_id, context={"id": node_id})
    for edge_id, count in Counter(edge.id for edge in graph.flow.edges).items():
        if count > 1:
            yield Problem("edge.duplicate_id", edge=edge_id, context={"id": edge_id})


def _triggers(graph: Graph) -> Iterator[Problem]:
    if not graph.triggers:
        yield Problem("trigger.missing")
        return
    seen: set[str] = set()
    for node_id in graph.triggers:
        key = graph.nodes[node_id].type
        if key in seen:
            yield Problem("trigger.repeated", node=node_id, context={"type": key})
        seen.add(key)
    usual = _USUAL_TRIGGER.get(graph.flow.kind)
    if usual and usual not in seen:
        yield Problem(
            "trigger.unusual",
            "warning",
            node=graph.triggers[0],
            context={"kind": graph.flow.kind, "type": usual},
        )


def _edge(graph: Graph, edge: Edge) -> Iterator[Problem]:
    if edge.source not in graph.nodes or edge.target not in graph.nodes:
        gone = edge.source if edge.source not in graph.nodes else edge.target
        yield Problem("edge.dangling", edge=edge.id, context={"id": gone})
        return
    source, target_node = graph.nodes[edge.source], graph.nodes[edge.target]
    if target_node.parent != (edge.source if graph.enters(edge) else source.parent):
        yield Problem("edge.crosses_border", node=edge.target, edge=edge.id, context={"source": edge.source})
    ports = graph.ports(edge.source)
    if ports is not None and edge.source_port not in ports:
        code = "edge.error_port_closed" if edge.source_port == ERROR_PORT else "edge.unknown_port"
        yield Problem(code, node=edge.source, edge=edge.id, context={"port": edge.source_port})
    target = graph.types[edge.target]
    if target is not None and (not target.has_input or target.trigger):
        yield Problem("edge.into_trigger", node=edge.target, edge=edge.id)
    elif target is not None and edge.target_port != "in":
        context = {"port": edge.target_port}
        yield Problem("edge.unknown_target_port", node=edge.target, edge=edge.id, context=context)


def _node(graph: Graph, node: Node) -> Iterator[Problem]:
    node_type = graph.types[node.id]
    if node_type is None:
        yield Problem("node.unknown_type", node=node.id, context={"type": node.type})
    elif graph.params[node.id] is None:
        code = "node.newer_version" if node.v > node_type.version else "node.old_version"
        yield Problem(code, node=node.id, context={"v": node.v, "known": node_type.version})
    if node.id not in graph.reachable and graph.triggers:
        yield Problem("node.unreachable", "warning", node=node.id)
    yield from _parent(graph, node)
    yield from _join(graph, node)
    yield from _spread(graph, node)
    yield from _policy(graph, node)
    yield from _ports(graph, node)


def _parent(graph: Graph, node: Node) -> Iterator[Problem]:
    if graph.container(node.id) is not None and not any(
        each.parent == node.id for each in graph.nodes.values()
    ):
        yield Problem("container.empty", "warning", node=node.id)
    if node.parent is None:
        return
    context = {"parent": node.parent}
    if node.parent not in graph.nodes or node.parent == node.id:
        yield Problem("parent.unknown", node=node.id, context=context)
    elif graph.types[node.parent] is not None and graph.container(node.parent) is None:
        yield Problem("parent.not_container", node=node.id, context=context)
    elif node.id in graph.containers(node.parent):
        yield Problem("parent.cycle", node=node.id, context=context)
    if graph.is_trigger(node.id):
        yield Problem("trigger.inside", node=node.id, context=context)


def _join(graph: Graph, node: Node) -> Iterator[Problem]:
    join = graph.join(node.id)
    edges = len(graph.incoming[node.id])
    if join is not None and edges and join.needs > edges:
        context = {"needs": join.needs, "edges": edges}
        yield Problem("join.never_enough", node=node.id, param="n", context=context)


def _spread(graph: Graph, node: Node) -> Iterator[Problem]:
    """A body that several workers do in parts touches nothing that belongs to the one run or its conversation."""
    params = graph.params[node.id] or {}
    listens = params.get("events")
    hears = isinstance(listens, list | tuple) and any(
        isinstance(each, dict) and each.get("kind", "reply") == "reply" for each in listens
    )
    if not (
        node.type in _OF_THE_RUN
        or (node.type == "logic.set" and params.get("assign"))
        or (node.type == "time.wait_event" and hears)
    ):
        return
    for parent in graph.containers(node.id):
        if (graph.params[parent] or {}).get("spread") is True:
            context = {"map": parent, "type": node.type}
            yield Problem("map.cannot_spread", node=node.id, context=context)


def _policy(graph: Graph, node: Node) -> Iterator[Problem]:
    policy, node_type, params = node.policy, graph.types[node.id], graph.params[node.id]
    if policy.on_error == "port" and not any(
        edge.source_port == ERROR_PORT for edge in graph.outgoing[node.id]
    ):
        yield Problem("policy.error_port_unused", "warning", node=node.id)
    if policy.on_error == "default" and policy.default is None:
        yield Problem("policy.no_default", "warning", node=node.id)
    if policy.retry.max and graph.container(node.id) is not None:
        yield Problem("policy.retry_of_container", "warning", node=node.id, param="policy.retry")
    if node_type is None or params is None:
        return
    if policy.cache is not None and not can_keep(node_type, graph.effects(node)):
        yield Problem("policy.cache_ignored", "warning", node=node.id, param="policy.cache")
    if policy.retry.max and not policy.mock and graph.effects(node) == "unsafe":
        yield Problem("policy.retry_of_unsafe", "warning", node=node.id)
    known = {each.slot for each in graph.flow.requires.credentials}
    for param, slot in slots_of(params):
        if slot not in known:
            severity: Severity = "error" if param == "credential" else "warning"
            yield Problem(
                "credential.unknown_slot", severity, node=node.id, param=param, context={"slot": slot}
            )


def _ports(graph: Graph, node: Node) -> Iterator[Problem]:
    node_type, ports = graph.types[node.id], graph.ports(node.id)
    if node_type is None or node_type.port_list is None or ports is None:
        return
    param = node_type.port_list.param
    fixed = len(node_type.ports) + (node.policy.on_error == "port")
    if len(ports) == fixed:
        yield Problem("ports.empty", node=node.id, param=param)
    for port, count in Counter(ports).items():
        if count > 1:
            yield Problem("ports.repeated", node=node.id, param=param, context={"port": port})
