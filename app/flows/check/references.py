"""Problems of templates: what cannot be parsed, and every reference to something that will not be there."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.flows.check.certainty import Certainty
from app.flows.check.graph import Graph
from app.flows.check.params import conditions_of, rendered_fields
from app.flows.check.problem import Problem
from app.flows.check.schemas import Schemas
from app.flows.check.shapes import ERROR, Path, Schema, constant, known_steps, missing_step
from app.flows.conditions import comparisons
from app.flows.document import Node
from app.flows.node_type import NodeType
from app.flows.templates import Reference, TemplateError, compile_value, is_template, strings

_INSIDE: Final = frozenset({"item", "index", "outer", "iteration"})
_BROUGHT: Final = frozenset({"contact", "lead", "conversation"})
# What `exists` is there to ask: these are answered, where anything else that reads the value fails.
_ABSENT: Final = frozenset(
    {
        "reference.may_be_skipped",
        "reference.may_be_error",
        "reference.not_in_default",
        "reference.may_be_unset",
    }
)
_ROOTS: Final = ("input", "trigger", "nodes", "state", "run", *sorted(_INSIDE | _BROUGHT))


class References:
    """The checks of one flow's references."""

    def __init__(self, graph: Graph, schemas: Schemas, certainty: Certainty) -> None:
        self._graph, self._schemas, self._certainty = graph, schemas, certainty

    def problems(self, node: Node) -> Iterator[Problem]:
        node_type, params = self._graph.types[node.id], self._graph.params[node.id]
        if node_type is None or params is None:
            return
        asked = tuple(_asked_for(node_type, params))
        for name in rendered_fields(node_type.params):
            if name in params:
                yield from self._strings(node, name, params[name], asked)
        yield from self._assigned(node, params)

    def _strings(self, node: Node, name: str, value: Any, asked: tuple[str, ...]) -> Iterator[Problem]:
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
                    if code in _ABSENT and any(
                        place == each or place.startswith(f"{each}[") for each in asked
                    ):
                        continue
                    yield Problem(
                        code,
                        "warning" if code == "reference.not_in_default" else "error",
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
        return self._field(self._schemas.at(node.id, (root,)), rest, reference)

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
        return self._failed(node, wanted, rest[1:]) or self._field(
            self._schemas.output(wanted, node.id), rest[1:], reference
        )

    def _failed(self, node: Node, wanted: str, rest: Path) -> tuple[str, dict[str, Any]] | None:
        """A field that is not there where the node failed: its output is then the error, or the policy's default."""
        policy = self._graph.nodes[wanted].policy
        if (
            not rest
            or policy.on_error == "fail"
            or not self._graph.nodes[wanted].enabled
            or policy.mock is not None
        ):
            return None
        if policy.on_error == "default":
            lacks = missing_step(constant(policy.default), rest) is not None
            return ("reference.not_in_default", {"name": wanted}) if lacks else None
        certainty = self._certainty
        if certainty.surely_left_well(wanted, node.id) or certainty.surely_failed(wanted, node.id):
            return None
        return ("reference.may_be_error", {"name": wanted}) if missing_step(ERROR, rest) is not None else None

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


def _asked_for(node_type: NodeType, params: Mapping[str, Any]) -> Iterator[str]:
    """Places whose value is asked for by `exists` or `not_exists`."""
    for place, condition in conditions_of(node_type.params, params):
        for where, op, _, _ in comparisons(condition, place):
            if op in ("exists", "not_exists"):
                yield f"{where}.left"
