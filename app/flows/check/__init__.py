"""All problems of a flow at once: `check(flow, catalog) → [Problem]`. It runs at every edit and never raises."""

from typing import Final

from app.flows.check.bounds import bounds
from app.flows.check.certainty import Certainty
from app.flows.check.fit import fault
from app.flows.check.graph import Graph
from app.flows.check.params import params
from app.flows.check.problem import Problem
from app.flows.check.references import References
from app.flows.check.schemas import Called, Contract, Schemas
from app.flows.check.structure import structure
from app.flows.check.types import Types
from app.flows.document import Flow
from app.flows.node_type import Catalog
from app.flows.testing import faults

__all__ = ["Called", "Contract", "Problem", "check"]


NOTHING_CALLED: Final[Called] = {}


def check(flow: Flow, catalog: Catalog, called: Called = NOTHING_CALLED) -> list[Problem]:
    """Everything wrong with a flow: its drawing first, then node by node in file order.

    Without a problem of severity "error" the flow can be compiled and run. `called` says what other flows take and
    give back; calls of flows that are not in it are taken on trust.
    """
    graph = Graph(flow, catalog)
    found = [*_declarations(flow), *structure(graph)]
    certainty = Certainty(graph)
    schemas = Schemas(graph, certainty, called)
    references, types = References(graph, schemas, certainty), Types(graph, schemas)
    for node in graph.nodes.values():
        found += params(graph, node)
        found += references.problems(node)
        found += types.problems(node)
        found += bounds(graph, schemas, node)
    for index, reason in faults(flow.tests):
        found.append(Problem("test.malformed", "warning", context={"index": index, "reason": reason}))
    return found


def _declarations(flow: Flow) -> list[Problem]:
    """What the flow says about its inputs and its state."""
    found = []
    reason = fault(flow.inputs)
    if reason:
        found.append(Problem("inputs.malformed", context={"reason": reason}))
    for name, declared in flow.state.items():
        scope = declared.get("scope", "run") if isinstance(declared, dict) else None
        if scope not in ("run", "conversation"):
            found.append(Problem("state.malformed", context={"name": name}))
    return found
