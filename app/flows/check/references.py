"""Problems of templates: what cannot be parsed, and every reference to something that will not be there."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.flows.check.certainty import Certainty
from app.flows.check.graph import Graph
from app.flows.check.params import rendered_fields
from app.flows.check.problem import Problem
from app.flows.check.schemas import Schema, Schemas, known_steps, missing_step
from app.flows.document import Node
from app.flows.templates import Reference, TemplateError, compile_value, is_template, strings

_RUN: Final[Schema] = {"type": "object", "properties": {"id": {}, "started_at": {}}}
_INSIDE: Final = frozenset({"item", "index", "outer", "iteration"})
_BROUGHT: Final = frozenset({"contact", "lead", "conversation"})
_ROOTS: Final = ("input", "trigger", "nodes", "state", "run", *sorted(_INSIDE | _BROUGHT))


class References:
    """The checks of one flow's references."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._schemas = Schemas(graph)
        self._certainty = Certainty(graph)

    def problems(self, node: Node) -> Iterator[Problem]:
        node_type, params = self._graph.types[node.id], self._graph.params[node.id]
        if node_type is None or params is None:
            return
        for name in rendered_fields(node_type.params):
            if name in params:
                yield from self._strings(node, name, params[name])
        yield from self._assigned(node, params)

    def _strings(self, node: Node, name: str, value: Any) -> Iterator[Problem]:
        for place, source in strings(value, name):
            if not is_template(source):
                continue
            try:
                references = compile_value(source).references
            except TemplateError as error:
                context = {"reason": error.reason, "name": error.path}
                yield Problem(
                    error.code, node=node.id, param=place, range=(error.start, error.end), context=context
                )
                continue
            for reference in references:
                found = self._reference(node, reference)
                if found is not None:
                    code, context = found
                    yield Problem(
                        code,
                        node=node.id,
                        param=place,
                        range=(reference.start, reference.end),
                        context={"path": source[reference.start : reference.end], **context},
                    )

    def _reference(self, node: Node, reference: Reference) -> tuple[str, dict[str, Any]] | None:
        """The code and context of what is wrong with one reference."""
        root, rest = reference.path[0], reference.path[1:]
        if root == "nodes":
            return self._node(node, reference)
        if root == "state":
            return self._state(rest)
        if root in _INSIDE:
            return self._around(node, str(root), rest, reference)
        node_type = self._graph.types[node.id]
        if root in _BROUGHT or (node_type is not None and root in node_type.names):
            return None
        if root not in _ROOTS:
            return "reference.unknown_name", {"name": str(root), "known": ", ".join(_ROOTS[:5])}
        schemas = {"input": self._schemas.input(node.id), "run": _RUN}
        return self._field(schemas[str(root)] if root in schemas else self._trigger(node), rest, reference)

    def _node(self, node: Node, reference: Reference) -> tuple[str, dict[str, Any]] | None:
        rest = reference.path[1:]
        if not rest:
            return None
        graph, wanted = self._graph, str(rest[0])
        if wanted in graph.containers(node.id):
            return "reference.still_open", {"name": wanted}
        if wanted not in graph.nodes:
            return "reference.unknown_node", {"name": wanted}
        if node.id not in graph.upstream:
            return None  # a cycle stands before this node, and is said
        if not graph.upstream[node.id] & graph.bit[wanted]:
            return "reference.not_upstream", {"name": wanted}
        if reference.has_default:
            return None
        if not self._certainty.surely_ran(wanted, before=node.id) and node.id in graph.reachable:
            return "reference.may_be_skipped", {"name": wanted}
        return self._field(self._schemas.output(wanted), rest[1:], reference)

    def _around(
        self, node: Node, root: str, rest: tuple[str | int, ...], reference: Reference
    ) -> tuple[str, dict[str, Any]] | None:
        """Names that only containers give: `iteration` by loops (a loop's own conditions see it), the rest by maps."""
        graph = self._graph
        around = [graph.container(each) for each in graph.containers(node.id)]
        maps = sum(each is not None and each.items is not None for each in around)
        own = graph.container(node.id)
        loops = sum(each is not None and each.items is None for each in (*around, own))
        enough = loops > 0 if root == "iteration" else maps > (root == "outer")
        if not enough:
            return "reference.only_inside", {"name": root}
        if root == "item":
            return self._field(self._schemas.item(node.id), rest, reference)
        if root == "outer" and rest[:1] == ("item",):
            return self._field(self._schemas.item(node.id, 1), rest[1:], reference)
        return None

    def _state(self, rest: tuple[str | int, ...]) -> tuple[str, dict[str, Any]] | None:
        if not rest or str(rest[0]) in self._graph.flow.state:
            return None
        return "reference.unknown_state", {"name": str(rest[0])}

    def _trigger(self, node: Node) -> Schema:
        """The output of the one trigger that leads here."""
        graph = self._graph
        bits = graph.upstream.get(node.id, 0) | graph.bit[node.id]
        leading = [each for each in graph.triggers if bits & graph.bit[each]]
        return self._schemas.output(leading[0]) if len(leading) == 1 else {}

    def _field(
        self, schema: Schema, rest: tuple[str | int, ...], reference: Reference
    ) -> tuple[str, dict[str, Any]] | None:
        index = missing_step(schema, rest)
        if index is None or reference.has_default:
            return None
        known = ", ".join(known_steps(schema)[:8]) if index == 0 else ""
        return "reference.unknown_field", {"name": str(rest[index]), "known": known or "-"}

    def _assigned(self, node: Node, params: Mapping[str, Any]) -> Iterator[Problem]:
        """Assignments to state that the flow does not declare."""
        targets = params.get("assign")
        for target in targets if isinstance(targets, Mapping) else ():
            name = str(target).removeprefix("state.")
            if str(target).startswith("state.") and name not in self._graph.flow.state:
                yield Problem(
                    "reference.unknown_state",
                    node=node.id,
                    param=f"assign.{target}",
                    context={"name": name, "path": str(target)},
                )
