"""All problems of a flow at once: `check(flow, catalog) → [Problem]`. It runs at every edit and never raises."""

from functools import lru_cache

import orjson
from jsonschema import Draft202012Validator, SchemaError

from app.flows.check.graph import Graph
from app.flows.check.params import params
from app.flows.check.problem import Problem
from app.flows.check.references import References
from app.flows.check.structure import structure
from app.flows.document import Flow
from app.flows.node_type import Catalog
from app.flows.testing import faults

__all__ = ["Problem", "check"]


def check(flow: Flow, catalog: Catalog) -> list[Problem]:
    """Everything wrong with a flow: its drawing first, then node by node in file order.

    Without a problem of severity "error" the flow can be compiled and run.
    """
    graph = Graph(flow, catalog)
    found = [*_declarations(flow), *structure(graph)]
    references = References(graph)
    for node in graph.nodes.values():
        found += params(graph, node)
        found += references.problems(node)
    for index, reason in faults(flow.tests):
        found.append(Problem("test.malformed", "warning", context={"index": index, "reason": reason}))
    return found


def _declarations(flow: Flow) -> list[Problem]:
    """What the flow says about its inputs and its state."""
    found = []
    reason = _schema_fault(orjson.dumps(flow.inputs))
    if reason:
        found.append(Problem("inputs.malformed", context={"reason": reason}))
    for name, declared in flow.state.items():
        scope = declared.get("scope", "run") if isinstance(declared, dict) else None
        if scope not in ("run", "conversation"):
            found.append(Problem("state.malformed", context={"name": name}))
    return found


@lru_cache(maxsize=512)
def _schema_fault(schema: bytes) -> str:
    """Why this is no JSON Schema; empty where it is one."""
    try:
        Draft202012Validator.check_schema(orjson.loads(schema))
    except SchemaError as error:
        return error.message[:200]
    return ""
