"""A flow made ready to run: indexed, its templates parsed, frozen. Callers cache plans by semantic hash."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from app.flows.document import Flow, Node, Policy
from app.flows.node_type import Catalog, Effects, ErrorKind, NodeError, NodeType, Params, Rendered
from app.flows.templates import Compiled, TemplateError, compile_value, text

# A map of 10,000 items with twenty steps each still fits; a loop without end is over within half a minute.
STEP_BUDGET: Final = 200_000
ERROR_PORT: Final = "error"
_REMEMBERED: Final = 256


class PlanError(Exception):
    """The document cannot be compiled. Never raised for one that `check` finds no error in."""


@dataclass(frozen=True, slots=True)
class PlannedEdge:
    """One control edge; `source` and `target` are places in `Plan.nodes`."""

    index: int
    source: int
    target: int
    port: str


@dataclass(frozen=True, slots=True)
class PreparedParams:
    """Params with their templates parsed. `fixed` is the model where nothing has to be rendered."""

    model: type[Params]
    raw: Mapping[str, Any]
    templates: tuple[tuple[str, str, Compiled], ...]
    fixed: Params | None

    def render(self, scope: Mapping[str, Any]) -> Params:
        """The params of one step. Raises a located `NodeError(invalid_input)`."""
        if self.fixed is not None:
            return self.fixed
        values = dict(self.raw)
        for name, kind, compiled in self.templates:
            try:
                value = compiled.render(scope)
            except TemplateError as error:
                raise located(error, name) from error
            values[name] = text(value) if kind == "text" and value is not None else value
        try:
            return self.model.model_validate(values)
        except ValidationError as error:
            raise _invalid(error) from None


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """One node with everything a step of it needs. `outgoing` lists places in `Plan.edges` by port.

    A container's edges into its body are `entries`; `orphans` are body nodes nothing leads to. A join goes on after
    `needs` edges (0: all that are still coming) and then gives up the nodes of `cancels`.
    """

    id: str
    index: int
    node: Node
    type: NodeType
    effects: Effects
    ports: tuple[str, ...]
    incoming: tuple[int, ...]
    outgoing: Mapping[str, tuple[int, ...]]
    params: PreparedParams
    entries: tuple[int, ...] = ()
    orphans: tuple[int, ...] = ()
    needs: int | None = None
    cancels: tuple[int, ...] = ()

    @property
    def policy(self) -> Policy:
        return self.node.policy

    @property
    def main_port(self) -> tuple[str, ...]:
        """The port by which a mocked, disabled or defaulted step leaves."""
        if self.type.container is not None:
            return (self.type.container.done,)
        own = [port for port in self.ports if port != ERROR_PORT]
        return ("out",) if "out" in own else tuple(own[:1])


@dataclass(frozen=True, slots=True)
class Plan:
    """The graph in file order. `roots` are the nodes outside of containers that nothing leads to.

    `timed` says that some container has a time limit.
    """

    flow: Flow
    nodes: tuple[PlannedNode, ...]
    edges: tuple[PlannedEdge, ...]
    by_id: Mapping[str, PlannedNode]
    roots: tuple[int, ...]
    step_budget: int = STEP_BUDGET
    timed: bool = False
    parsed: dict[int, tuple[Any, Compiled]] = field(default_factory=dict, compare=False, repr=False)

    def render(self, value: Any, scope: Mapping[str, Any]) -> Any:
        """Render a raw value of a node's params. Raises `TemplateError`."""
        return self._compiled(value).render(scope)

    def _compiled(self, value: Any) -> Compiled:
        """Trees of fixed params are the same object at every step of this plan, so they are parsed once."""
        known = self.parsed.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        compiled = compile_value(value)
        if isinstance(value, dict | list) and len(self.parsed) < _REMEMBERED:
            self.parsed[id(value)] = value, compiled
        return compiled


def compile(flow: Flow, catalog: Catalog, *, step_budget: int = STEP_BUDGET) -> Plan:
    """Prepare a checked flow. Raises `PlanError` for one that `check` would refuse."""
    places = {node.id: index for index, node in enumerate(flow.nodes)}
    if len(places) != len(flow.nodes):
        raise PlanError("two nodes share an id")
    edges = tuple(_edges(flow, places, catalog))
    nodes = tuple(_node(flow, index, edges, catalog) for index in range(len(flow.nodes)))
    _refuse_cycles(nodes, edges)
    nodes = tuple(_with_cancels(node, nodes, edges) for node in nodes)
    roots = tuple(node.index for node in nodes if not node.incoming and node.node.parent is None)
    timed = any(node.type.container and node.policy.timeout_s is not None for node in nodes)
    return Plan(flow, nodes, edges, {node.id: node for node in nodes}, roots, step_budget, timed)


def rendered_kind(model: type[BaseModel], name: str) -> str | None:
    """How a params field is rendered: `text`, `value`, `raw`, or None where it is taken as it stands."""
    return _kinds(model).get(name)


def located(error: TemplateError, param: str) -> NodeError:
    """A failed rendering as the step's error, naming the param and the path."""
    place = error.place
    where = f"{param}{place}" if place.startswith("[") or not place or not param else f"{param}.{place}"
    return NodeError(
        ErrorKind.INVALID_INPUT,
        error.code,
        param=where or None,
        path=error.path or None,
        reference=error.path,
        reason=error.reason,
        range=[error.start, error.end],
    )


def _edges(flow: Flow, places: Mapping[str, int], catalog: Catalog) -> Iterator[PlannedEdge]:
    for index, edge in enumerate(flow.edges):
        if edge.source not in places or edge.target not in places:
            raise PlanError(f"edge {edge.id} hangs loose")
        source, target = flow.nodes[places[edge.source]], flow.nodes[places[edge.target]]
        node_type = catalog.get(source.type)
        container = node_type.container if node_type else None
        entry = container is not None and edge.source_port == container.port
        if target.parent != (source.id if entry else source.parent):
            raise PlanError(f"edge {edge.id} crosses the border of a container")
        yield PlannedEdge(index, places[edge.source], places[edge.target], edge.source_port)


def _node(flow: Flow, index: int, edges: tuple[PlannedEdge, ...], catalog: Catalog) -> PlannedNode:
    node = flow.nodes[index]
    node_type = catalog.get(node.type)
    if node_type is None:
        raise PlanError(f"{node.id} has an unknown type {node.type}")
    ports = node_type.out_ports(node.params)
    if node.policy.on_error == "port":
        ports = (*ports, ERROR_PORT)
    entry = node_type.container.port if node_type.container else None
    outgoing: dict[str, tuple[int, ...]] = {}
    for edge in edges:
        if edge.source == index:
            outgoing[edge.port] = (*outgoing.get(edge.port, ()), edge.index)
    entries = outgoing.pop(entry, ()) if entry else ()
    led_to = {edge.target for edge in edges}
    body = [place for place, each in enumerate(flow.nodes) if each.parent == node.id]
    if body and entry is None:
        raise PlanError(f"{node.id} has a body and is no container")
    incoming = sorted((edge for edge in edges if edge.target == index), key=lambda edge: edge.source)
    join = node_type.join(node.params) if node_type.join else None
    return PlannedNode(
        id=node.id,
        index=index,
        node=node,
        type=node_type,
        effects=node_type.effects_for(node.params),
        ports=ports,
        incoming=tuple(edge.index for edge in incoming),
        outgoing=outgoing,
        params=_prepare(node, node_type),
        entries=entries,
        orphans=tuple(place for place in body if place not in led_to),
        needs=join.needs if join and node.enabled else None,
        cancels=(index,) if join and join.cancels else (),
    )


def _with_cancels(
    node: PlannedNode, nodes: tuple[PlannedNode, ...], edges: tuple[PlannedEdge, ...]
) -> PlannedNode:
    """A cancelling join with the nodes that lead to it and nowhere else."""
    if not node.cancels:
        return node
    found = {node.index}
    stack = [edges[edge].source for edge in node.incoming]
    while stack:
        place = stack.pop()
        each = nodes[place]
        targets = {edges[edge].target for places in each.outgoing.values() for edge in places}
        if place in found or each.node.parent != node.node.parent or not targets <= found:
            continue
        found.add(place)
        stack += [edges[edge].source for edge in each.incoming]
    return replace(node, cancels=tuple(sorted(found - {node.index})))


def _prepare(node: Node, node_type: NodeType) -> PreparedParams:
    templates = []
    for name, value in node.params.items():
        kind = rendered_kind(node_type.params, name)
        if kind not in ("text", "value"):
            continue
        try:
            compiled = compile_value(value)
        except TemplateError as error:
            raise PlanError(f"{node.id}.{name}: {error}") from error
        if not compiled.constant or (kind == "text" and not isinstance(value, str)):
            templates.append((name, kind, compiled))
    fixed = None
    if not templates and node.enabled:
        try:
            fixed = node_type.params.model_validate(node.params)
        except ValidationError as error:
            raise PlanError(f"{node.id}: {error}") from error
    return PreparedParams(node_type.params, node.params, tuple(templates), fixed)


@lru_cache(maxsize=256)
def _kinds(model: type[BaseModel]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for name, info in model.model_fields.items():
        own = next((each.kind for each in info.metadata if isinstance(each, Rendered)), None)
        kind = own or _kind_inside(info.annotation)
        if kind is not None:
            kinds[info.alias or name] = kind
    return kinds


def _kind_inside(annotation: Any) -> str | None:
    """The mark inside an optional; a list or model that has rendered fields is rendered as a whole."""
    for each in getattr(annotation, "__metadata__", ()):
        if isinstance(each, Rendered):
            return each.kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "value" if any(kind != "raw" for kind in _kinds(annotation).values()) else None
    found = {kind for kind in map(_kind_inside, get_args(annotation)) if kind is not None}
    whole = getattr(annotation, "__origin__", None) in (list, tuple, dict)
    return None if not found else "value" if whole and "raw" not in found else sorted(found)[0]


def _invalid(error: ValidationError) -> NodeError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    param = ".".join(str(step) for step in first["loc"])
    return NodeError(ErrorKind.INVALID_INPUT, "params.invalid", param=param, reason=first["msg"])


def _refuse_cycles(nodes: tuple[PlannedNode, ...], edges: tuple[PlannedEdge, ...]) -> None:
    left = [len(node.incoming) for node in nodes]
    free = [node.index for node in nodes if not node.incoming]
    seen = 0
    while free:
        seen += 1
        node = nodes[free.pop()]
        for place in (*node.entries, *(each for places in node.outgoing.values() for each in places)):
            target = edges[place].target
            left[target] -= 1
            if not left[target]:
                free.append(target)
    if seen != len(nodes):
        raise PlanError("the graph has a cycle")
    parents = {node.id: node.node.parent for node in nodes}
    for name in parents:
        above, around = parents[name], {name}
        while above is not None:
            if above in around or above not in parents:
                raise PlanError(f"{name} stands inside itself or nowhere")
            around.add(above)
            above = parents[above]
