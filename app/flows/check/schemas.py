"""What values look like: the JSON Schemas of outputs and inputs, and whether a path exists in one."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from app.flows.check.graph import ERROR_PORT, Graph
from app.flows.node_type import Output
from app.flows.templates import single_path

Schema = Mapping[str, Any]
ANYTHING: Final[Schema] = {}
ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        name: {}
        for name in ("kind", "code", "message", "retryable", "attempts", "node", "param", "path", "context")
    },
}
_SCALARS: Final = frozenset({"string", "number", "integer", "boolean", "null"})
_MOST_STEPS: Final = 50


class Schemas:
    """Schemas of one flow's nodes; `ANYTHING` wherever nothing is known for sure."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._outputs: dict[str, Schema] = {}
        self._inputs: dict[str, Schema] = {}
        for node_id in graph.order:  # in order, so that what passes its input on finds it ready
            self._inputs[node_id] = self._input(node_id)
            self._outputs[node_id] = self._output(node_id)

    def output(self, node_id: str) -> Schema:
        """What `nodes.<id>` holds."""
        return self._outputs.get(node_id, ANYTHING)

    def input(self, node_id: str) -> Schema:
        return self._inputs.get(node_id, ANYTHING)

    def _input(self, node_id: str) -> Schema:
        if self._graph.is_trigger(node_id):
            return self._graph.flow.inputs
        incoming = self._graph.incoming[node_id]
        if len(incoming) != 1:
            return ANYTHING  # one value or an object by source, as the run goes
        edge = incoming[0]
        if self._graph.enters(edge):
            return self.item(node_id)
        return ERROR if edge.source_port == ERROR_PORT else self._outputs.get(edge.source, ANYTHING)

    def item(self, node_id: str, outwards: int = 0) -> Schema:
        """What `item` is inside a body: an element of the list the innermost map goes over."""
        maps = [each for each in self._graph.containers(node_id) if self._items(each) is not None]
        if len(maps) <= outwards:
            return ANYTHING
        container = maps[outwards]
        found = self.at(container, self._items(container))
        return _element(found)

    def at(self, node_id: str, value: Any) -> Schema:
        """The schema of a raw param value: where it is exactly one path, what that path leads to."""
        path = single_path(value) if isinstance(value, str) else None
        if not path:
            return ANYTHING
        root, rest = path[0], path[1:]
        if root == "input":
            return inside(self.input(node_id), rest)
        if root == "nodes" and rest:
            return inside(self.output(str(rest[0])), rest[1:])
        if root == "item":
            return inside(self.item(node_id), rest)
        if root == "trigger" and len(self._graph.triggers) == 1:
            return inside(self.output(self._graph.triggers[0]), rest)
        return ANYTHING

    def _items(self, node_id: str) -> Any:
        """The raw list of a map; None for any other node."""
        container, params = self._graph.container(node_id), self._graph.params[node_id]
        if container is None or container.items is None or params is None:
            return None
        return params.get("items", "")

    def _output(self, node_id: str) -> Schema:
        node, node_type = self._graph.nodes[node_id], self._graph.types[node_id]
        params = self._graph.params[node_id]
        if (
            node_type is None
            or params is None
            or node.policy.on_error != "fail"
            or node.policy.mock is not None
        ):
            return ANYTHING
        if not node.enabled:
            return self._inputs[node_id]
        if node_type.output_schema is not None:
            try:
                return node_type.output_schema(params, self._graph.flow.inputs) or self._inputs[node_id]
            except Exception:  # params of any shape stand in an unfinished document
                return ANYTHING
        if node_type.output is not None:
            return _schema_of(node_type.output)
        return self._inputs[node_id] if node_type.passes_input else ANYTHING


@cache
def _schema_of(model: type[Output]) -> Schema:
    return model.model_json_schema(mode="serialization")


def missing_step(schema: Schema, path: tuple[str | int, ...]) -> int | None:
    """The index of the first step that no value of this schema can have; None while all may exist."""
    options = _options(schema, schema, 0)
    for index, step in enumerate(path):
        following: list[Schema] = []
        for option in options:
            inner = _inside(option, step)
            if inner is not None:
                following += _options(inner, schema, 0)
        if not following:
            return index
        if any(not option for option in following):
            return None
        options = following
    return None


def inside(schema: Schema, path: tuple[str | int, ...]) -> Schema:
    """The schema at a path, where there is exactly one; references are followed."""
    root = schema
    for step in path:
        found = [_inside(option, step) for option in _options(schema, root, 0)]
        known = [each for each in found if each is not None]
        if len(known) != 1:
            return ANYTHING
        schema = known[0]
    options = _options(schema, root, 0)
    return options[0] if len(options) == 1 else ANYTHING


def _element(schema: Schema) -> Schema:
    items = schema.get("items") if schema.get("type") == "array" else None
    return items if isinstance(items, Mapping) and "$ref" not in items else ANYTHING


def known_steps(schema: Schema) -> list[str]:
    """The names that values of this schema are known to have."""
    return [
        name
        for option in _options(schema, schema, 0)
        for name in (option["properties"] if isinstance(option.get("properties"), Mapping) else ())
    ]


def _options(schema: Any, root: Schema, depth: int) -> list[Schema]:
    """The alternatives of a schema, references followed."""
    if not isinstance(schema, Mapping) or depth > _MOST_STEPS:
        return [ANYTHING]
    reference = schema.get("$ref")
    if isinstance(reference, str):
        return _options(_pointed(reference, root), root, depth + 1)
    for name in ("anyOf", "oneOf"):
        parts = schema.get(name)
        if isinstance(parts, list) and parts:
            return [option for part in parts[:20] for option in _options(part, root, depth + 1)]
    return [ANYTHING] if "allOf" in schema else [schema]


def _pointed(reference: str, root: Schema) -> Any:
    value: Any = root
    for step in reference.removeprefix("#/").split("/"):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _inside(option: Schema, step: str | int) -> Schema | None:
    """The schema of one step inside; None where there can be none."""
    kind = option.get("type")
    properties = option.get("properties")
    if kind == "array":
        items = option.get("items", ANYTHING)
        if step == "size":
            return {"type": "integer"}
        return items if isinstance(step, int) or step in ("first", "last") else None
    if isinstance(kind, str) and kind in _SCALARS:
        return {"type": "integer"} if kind == "string" and step == "size" else None
    if isinstance(properties, Mapping) and str(step) in properties:
        return properties[str(step)] if isinstance(properties[str(step)], Mapping) else ANYTHING
    additional = option.get("additionalProperties")
    if isinstance(additional, Mapping):
        return additional
    if step == "size" or additional is True or option.get("patternProperties"):
        return ANYTHING
    if isinstance(properties, Mapping) and (properties or additional is False):
        return None
    return None if additional is False else ANYTHING
