"""Work without a bound: effects for each of who knows how many items, and model calls that nobody limits.

A map is bounded where the number of its items is known to be limited (a list that is written out, or a schema with
`maxItems`), or where a person has said how many may be under way at a time (`max_parallel`): then they thought of it.
A loop is bounded where `max_iterations` is set. What is bounded neither way

- and acts on the world (effect class idempotent or unsafe) inside a map is `map.effects_unbounded`;
- and calls a model, in a flow without `budget_usd`, is `budget.missing`.

Both are warnings: such a flow runs, within the limits that hold for every run.
"""

from collections.abc import Iterator

from app.flows.check.graph import Graph
from app.flows.check.problem import Problem
from app.flows.check.schemas import Schemas
from app.flows.check.shapes import options
from app.flows.document import Node


def bounds(graph: Graph, schemas: Schemas, node: Node) -> Iterator[Problem]:
    if node.parent is None:
        return
    effects, node_type = graph.effects(node), graph.types[node.id]
    free = [each for each in graph.containers(node.id) if not _bounded(graph, schemas, each)]
    for each in free:
        container = graph.container(each)
        if effects in ("idempotent", "unsafe") and container is not None and container.items is not None:
            yield Problem("map.effects_unbounded", "warning", node=node.id, context={"map": each})
    asks_a_model = node_type is not None and node_type.category == "ai" and effects != "none"
    if free and asks_a_model and graph.flow.settings.budget_usd is None:
        yield Problem("budget.missing", "warning", node=node.id, context={"container": free[0]})


def _bounded(graph: Graph, schemas: Schemas, node_id: str) -> bool:
    container, params = graph.container(node_id), graph.params[node_id]
    if container is None or params is None:
        return True  # said elsewhere
    if container.items is None:
        return "max_iterations" in params
    shapes = options(schemas.of(node_id, params.get("items", "")))
    return "max_parallel" in params or all("maxItems" in each for each in shapes)
