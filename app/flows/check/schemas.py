"""What the values of one flow look like: the output and the input of every node, and of every path a template reads.

Schemas follow the graph: what passes its input on has its input's, a map's results are what its body ends with. A
flow is gone through in an order in which a container is known after its body and before what stands behind it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from app.flows.check.certainty import Certainty
from app.flows.check.fit import fault
from app.flows.check.graph import ERROR_PORT, Graph
from app.flows.check.order import order_of_knowing
from app.flows.check.shapes import (
    ANYTHING,
    ERROR,
    INTEGER,
    NULL,
    TEXT,
    Path,
    Schema,
    constant,
    element,
    inside,
    kinds,
    listing,
    obj,
    resolved,
    union,
)
from app.flows.document import Edge
from app.flows.node_type import Output
from app.flows.templates import is_template, single_path

_RUN: Final = obj({"id": TEXT, "started_at": TEXT})


@dataclass(frozen=True, slots=True)
class Contract:
    """What those who call a flow rely on. `takes_calls`: it starts with `trigger.call`."""

    inputs: Schema
    output: Schema
    takes_calls: bool = True


# By the flow's id and its version (a number, or `latest`).
Called = Mapping[tuple[str, str], Contract]


class Schemas:
    """Schemas of one flow's nodes; `ANYTHING` wherever nothing is known for sure."""

    def __init__(self, graph: Graph, certainty: Certainty, called: Called) -> None:
        self._graph, self._certainty, self.called = graph, certainty, called
        self.inputs = ANYTHING if fault(graph.flow.inputs) else resolved(graph.flow.inputs)
        self._state = {name: _declared(each) for name, each in graph.flow.state.items()}
        self._children: dict[str, list[str]] = {}
        for node_id, node in graph.nodes.items():
            if node.parent is not None:
                self._children.setdefault(node.parent, []).append(node_id)
        self._outputs: dict[str, Schema] = {}
        self._inputs: dict[str, Schema] = {}
        self._rounds: dict[str, Schema] = {}
        order = order_of_knowing(graph, self._children)
        self._go_through(order)
        if self._rounds:  # a loop's body begins with what it ended with, which is known only now
            self._go_through(order)

    def output(self, node_id: str, before: str | None = None) -> Schema:
        """What `nodes.<id>` holds, as seen from the node `before`: its error too, where it may have left by it."""
        own = self._outputs.get(node_id, ANYTHING)
        node = self._graph.nodes.get(node_id)
        if node is None or not self.may_fail(node_id) or before is None:
            return own
        if self._certainty.surely_left_well(node_id, before):
            return own
        return ERROR if self._certainty.surely_failed(node_id, before) else union((own, ERROR))

    def may_fail(self, node_id: str) -> bool:
        """Whether a failure of the node leaves by its `error` port."""
        node = self._graph.nodes[node_id]
        return node.policy.on_error == "port" and node.enabled and node.policy.mock is None

    def input(self, node_id: str) -> Schema:
        """What `input` holds. For a loop it is the newest result as well: its conditions are asked again."""
        given = self._inputs.get(node_id, ANYTHING)
        return union((given, self._rounds[node_id])) if node_id in self._rounds else given

    def state(self, name: str) -> Schema:
        return self._state.get(name, ANYTHING)

    def item(self, node_id: str, outwards: int = 0) -> Schema:
        """What `item` is inside a body: an element of the list the innermost map goes over."""
        maps = [each for each in self._graph.containers(node_id) if self._items(each) is not None]
        if len(maps) <= outwards:
            return ANYTHING
        return element(self.of(maps[outwards], self._items(maps[outwards])))

    def of(self, node_id: str, value: Any) -> Schema:
        """The shape of a raw param value of a node: templates that are one path as what they lead to, others as text."""
        if isinstance(value, str):
            if not is_template(value):
                return constant(value)
            path = single_path(value)
            return TEXT if path is None else self.at(node_id, path)
        if isinstance(value, Mapping):
            return obj({str(name): self.of(node_id, each) for name, each in value.items()})
        if isinstance(value, list | tuple):
            return listing([self.of(node_id, each) for each in value])
        return constant(value)

    def at(self, node_id: str, path: Path) -> Schema:
        """What a path of a node's template leads to, where there is something."""
        root, rest = str(path[0]), path[1:]
        if root == "nodes":
            return inside(self.output(str(rest[0]), node_id), rest[1:]) if rest else ANYTHING
        if root == "state":
            return inside(self.state(str(rest[0])), rest[1:]) if rest else ANYTHING
        simple: Mapping[str, Callable[[], Schema]] = {
            "input": lambda: self.input(node_id),
            "trigger": lambda: self.trigger(node_id),
            "item": lambda: self.item(node_id),
            "index": lambda: INTEGER,
            "iteration": lambda: INTEGER,
            "run": lambda: _RUN,
            "outer": lambda: self._outer(node_id, rest),
        }
        node_type = self._graph.types[node_id]
        if root not in simple or (node_type is not None and root in node_type.names):
            return ANYTHING
        return simple[root]() if root == "outer" else inside(simple[root](), rest)

    def trigger(self, node_id: str) -> Schema:
        """The output of whichever trigger leads to the node."""
        graph = self._graph
        bits = graph.upstream.get(node_id, 0) | graph.bit[node_id]
        return union(self.output(each) for each in graph.triggers if bits & graph.bit[each])

    def _outer(self, node_id: str, rest: Path) -> Schema:
        depth = 1
        while rest[:1] == ("outer",):
            depth, rest = depth + 1, rest[1:]
        if rest[:1] == ("item",):
            return inside(self.item(node_id, depth), rest[1:])
        return INTEGER if rest == ("index",) else ANYTHING

    def _go_through(self, order: list[tuple[str, bool]]) -> None:
        for node_id, closing in order:
            if not closing:
                self._inputs[node_id] = self._input(node_id)
            container = self._graph.container(node_id)
            if closing and container is not None and container.items is None:
                self._rounds[node_id] = self.body(node_id)
            if closing or container is None:
                self._outputs[node_id] = self._output(node_id)

    def _input(self, node_id: str) -> Schema:
        """One value where one edge is taken, else an object by source (language §3.3)."""
        if self._graph.is_trigger(node_id):
            return self.inputs
        values: dict[str, list[Schema]] = {}
        sure: set[str] = set()
        for edge in self._graph.incoming[node_id]:
            values.setdefault(edge.source, []).append(self._carried(edge))
            if self._certainty.surely_taken(edge):
                sure.add(edge.source)
        fields = {source: union(each) for source, each in values.items()}
        if not fields:
            return ANYTHING
        join = self._graph.join(node_id)
        if len(fields) == 1 or (join is not None and join.needs == 1):
            return union(fields.values())
        together = obj(fields, sure=sure if join is None else ())
        return together if len(sure) > 1 and join is None else union((*fields.values(), together))

    def _carried(self, edge: Edge) -> Schema:
        if self._graph.enters(edge):
            container = self._graph.container(edge.source)
            if container is not None and container.items is not None:
                return element(self.of(edge.source, self._items(edge.source)))
            given = self._inputs.get(edge.source, ANYTHING)
            return union((given, self._rounds.get(edge.source, ANYTHING)))
        if edge.source_port == ERROR_PORT and self.may_fail(edge.source):
            return ERROR
        return self._outputs.get(edge.source, ANYTHING)

    def _items(self, node_id: str) -> Any:
        """The raw list of a map; None for any other node."""
        container, params = self._graph.container(node_id), self._graph.params[node_id]
        if container is None or container.items is None or params is None:
            return None
        return params.get("items", "")

    def _output(self, node_id: str) -> Schema:
        node, given = self._graph.nodes[node_id], self._inputs.get(node_id, ANYTHING)
        if not node.enabled:
            return given
        if node.policy.mock is not None:
            return constant(node.policy.mock)
        own = self._own(node_id, given)
        return union((own, constant(node.policy.default))) if node.policy.on_error == "default" else own

    def _own(self, node_id: str, given: Schema) -> Schema:
        """What the node gives when it is performed and does not fail."""
        node_type, params = self._graph.types[node_id], self._graph.params[node_id]
        if node_type is None or params is None:
            return ANYTHING
        try:
            if node_type.infer is not None:
                return node_type.infer(params, _Around(self, node_id))
            if node_type.output_schema is not None:
                return resolved(node_type.output_schema(params, self._graph.flow.inputs)) or given
        except Exception:  # params of any shape stand in an unfinished document
            return ANYTHING
        if node_type.output is not None:
            return _schema_of(node_type.output)
        return given if node_type.passes_input else ANYTHING

    def body(self, node_id: str) -> Schema:
        """What one pass of a container's body ends with: its last node's output, or several by node id."""
        body = self._children.get(node_id, [])
        led_to = {edge.target for each in (node_id, *body) for edge in self._graph.outgoing[each]}
        ends = {each: self._end(each) for each in body if each in led_to and self._may_end(each)}
        if not any(self._graph.enters(edge) for edge in self._graph.outgoing[node_id]):
            return NULL
        if len(ends) == 1:
            return next(iter(ends.values()))
        return union((*ends.values(), obj(ends, sure=()))) if ends else ANYTHING

    def _end(self, node_id: str) -> Schema:
        own = self._outputs.get(node_id, ANYTHING)
        return union((own, ERROR)) if self.may_fail(node_id) else own

    def _may_end(self, node_id: str) -> bool:
        """Whether the node may leave by a port that leads nowhere."""
        ports = self._graph.ports(node_id)
        container = self._graph.container(node_id)
        led = {edge.source_port for edge in self._graph.outgoing[node_id]}
        own = [port for port in ports or () if container is None or port != container.port]
        return not own or not led.issuperset(own)


class _Around:
    """What a node type is told to infer its output from: `node_type.Known`."""

    def __init__(self, schemas: Schemas, node_id: str) -> None:
        self._schemas, self._node_id = schemas, node_id

    @property
    def input(self) -> Schema:
        return self._schemas.input(self._node_id)

    @property
    def inputs(self) -> Schema:
        return self._schemas.inputs

    @property
    def body(self) -> Schema:
        return self._schemas.body(self._node_id)

    def of(self, value: Any) -> Schema:
        return self._schemas.of(self._node_id, value)

    def called(self, flow: Any, version: Any) -> Schema:
        contract = self._schemas.called.get((str(flow), str(version)))
        return contract.output if contract else ANYTHING


def _declared(declaration: Any) -> Schema:
    """What a state variable holds: a value of its type, or what it begins with."""
    if not isinstance(declaration, Mapping):
        return ANYTHING
    schema = {name: each for name, each in declaration.items() if name not in ("default", "scope")}
    if fault(schema):
        return ANYTHING
    schema = dict(resolved(schema))
    takes, first = kinds(schema), kinds(constant(declaration.get("default")))
    if takes is None or "default" not in declaration or (first or takes) <= takes:
        return schema
    return union((schema, constant(declaration["default"])))


@cache
def _schema_of(model: type[Output]) -> Schema:
    return resolved(model.model_json_schema(mode="serialization"))
