"""What callers of a flow rely on, what of it changes between two versions, and whom that concerns."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.flows.check.certainty import Certainty
from app.flows.check.graph import Graph
from app.flows.check.schemas import Contract, Schemas
from app.flows.check.shapes import (
    NULL,
    Path,
    Schema,
    inside,
    kinds,
    missing_step,
    named,
    obj,
    options,
    properties,
    required,
    resolved,
    union,
)
from app.flows.document import Flow
from app.flows.node_type import Call, Catalog

RESULT: Final = "output.result"
CALL: Final = "trigger.call"
_DEEPEST: Final = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that callers of the older version may rely on and the newer one does not keep.

    `path` leads into the input or, where `code` is `output_…`, into the output.
    """

    code: str
    path: Path = ()
    context: Mapping[str, Any] = field(default_factory=dict)


def contract_of(flow: Flow, catalog: Catalog) -> Contract:
    """The flow as its callers see it. A run's output is one result's value, several by node id, or null."""
    graph = Graph(flow, catalog)
    schemas = Schemas(graph, Certainty(graph), {})
    results = {
        node.id: schemas.output(node.id) for node in flow.nodes if node.type == RESULT and node.enabled
    }
    together = [obj(results, sure=())] if len(results) > 1 else []
    takes_calls = any(node.type == CALL for node in flow.nodes)
    return Contract(resolved(flow.inputs), union((*results.values(), *together, NULL)), takes_calls)


def changes(old: Contract, new: Contract) -> list[Change]:
    """What the newer contract takes away."""
    found = [Change("not_callable")] if old.takes_calls and not new.takes_calls else []
    return [*found, *_inputs(old.inputs, new.inputs), *_outputs(old.output, new.output, ())]


def calls_of(flow: Flow, catalog: Catalog, is_meant: Callable[[Call], bool]) -> dict[str, Call]:
    """The nodes that call a flow, by id."""
    graph = Graph(flow, catalog)
    found: dict[str, Call] = {}
    for node_id, node_type in graph.types.items():
        params = graph.params[node_id]
        if node_type is None or node_type.calls is None or params is None:
            continue
        call = node_type.calls(params)
        if call is not None and is_meant(call):
            found[node_id] = call
    return found


def _inputs(old: Schema, new: Schema) -> Iterator[Change]:
    before, after = properties(old), properties(new)
    for name in required(new):
        if name not in required(old):
            yield Change("input_required", (name,), {"name": name})
    for name, schema in before.items():
        if name not in after:
            if new.get("additionalProperties") is False:
                yield Change("input_removed", (name,), {"name": name})
        elif not _within(schema, after[name]):
            context = {"before": named(kinds(schema)), "after": named(kinds(after[name]))}
            yield Change("input_retyped", (name,), {"name": name, **context})


def _outputs(old: Schema, new: Schema, path: Path) -> Iterator[Change]:
    if not _within(new, old):
        context = {"name": _dotted(path), "before": named(kinds(old)), "after": named(kinds(new))}
        yield Change("output_retyped", path, context)
        if not (kinds(old) or frozenset()) & (kinds(new) or frozenset()) - {"null"}:
            return
    fields = [name for option in options(old) for name in properties(option)]
    for name in dict.fromkeys(fields) if len(path) < _DEEPEST else ():
        if missing_step(new, (name,)) is not None:
            yield Change("output_removed", (*path, name), {"name": _dotted((*path, name))})
        else:
            yield from _outputs(inside(old, (name,)), inside(new, (name,)), (*path, name))


def _within(narrow: Schema, wide: Schema) -> bool:
    """Whether every kind of the one is a kind of the other."""
    some, all_ = kinds(narrow), kinds(wide)
    return all_ is None or (some is not None and some <= all_)


def _dotted(path: Path) -> str:
    return ".".join(map(str, ("output", *path)))
