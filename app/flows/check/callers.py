"""Whom a new version of a flow concerns: for each change, the callers it surely breaks and those it may.

What surely breaks is found by checking the caller twice, against the old contract and the new one: problems that are
new are what publishing would do to it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.flows.check import check
from app.flows.check.certainty import Certainty
from app.flows.check.contracts import Change, calls_of
from app.flows.check.graph import Graph
from app.flows.check.params import rendered_fields
from app.flows.check.problem import Problem
from app.flows.check.schemas import Contract, Schemas
from app.flows.check.shapes import Path, inside, kinds, options, properties, required
from app.flows.document import Flow
from app.flows.node_type import Call, Catalog
from app.flows.templates import TemplateError, compile_value


@dataclass(frozen=True, slots=True)
class Affected:
    """`nodes` of a caller that rely on what changes. `breaks`: they surely fail, else they may."""

    nodes: tuple[str, ...]
    breaks: bool


class Caller:
    """One document that calls the flow."""

    def __init__(self, flow: Flow, catalog: Catalog, is_meant: Callable[[Call], bool]) -> None:
        self._flow, self._catalog = flow, catalog
        self._calls = calls_of(flow, catalog, is_meant)
        self._graph = Graph(flow, catalog)

    def concerned(
        self, old: Contract, new: Contract, found: list[Change]
    ) -> Iterator[tuple[Change, Affected]]:
        """Every change that this caller relies on; whatever else newly fails is a change `other`."""
        if not self._calls:
            return
        schemas = Schemas(self._graph, Certainty(self._graph), {})
        broken = self._broken(old, new)
        explained: list[Problem] = []
        for change in found:
            affected = [
                each
                for node_id, call in self._calls.items()
                if (each := self._by(change, node_id, call, schemas, new, broken, explained))
            ]
            if affected:
                nodes = tuple(dict.fromkeys(node for each in affected for node in each.nodes))
                yield change, Affected(nodes, any(each.breaks for each in affected))
        rest = [each for each in broken if id(each) not in map(id, explained)]
        if rest:
            nodes = tuple(dict.fromkeys(each.node or "" for each in rest))
            yield Change("other"), Affected(nodes, True)

    def _broken(self, old: Contract, new: Contract) -> list[Problem]:
        keys = {(str(call.flow), str(call.version)) for call in self._calls.values()}
        before = {_place(each) for each in check(self._flow, self._catalog, dict.fromkeys(keys, old))}
        after = check(self._flow, self._catalog, dict.fromkeys(keys, new))
        return [each for each in after if each.severity == "error" and _place(each) not in before]

    def _by(
        self,
        change: Change,
        node_id: str,
        call: Call,
        schemas: Schemas,
        new: Contract,
        broken: list[Problem],
        explained: list[Problem],
    ) -> Affected | None:
        if change.code == "not_callable":
            explained += [each for each in broken if each.code == "call.not_callable"]
            return Affected((node_id,), True)
        if change.code.startswith("input_"):
            hits = [each for each in broken if each.node == node_id and _about(each, call, change.path[0])]
            explained += hits
            if hits:
                return Affected((node_id,), True)
            return None if _kept(change, schemas, node_id, call, new) else Affected((node_id,), False)
        if not call.waits:
            return None
        readers = self._readers(node_id, change.path)
        hits = [each for each in broken if _read_by(each, readers)]
        explained += hits
        nodes = hits or readers
        return (
            Affected(tuple(dict.fromkeys(each.node or "" for each in nodes)), bool(hits)) if nodes else None
        )

    def _readers(self, call: str, path: Path) -> list["_Reader"]:
        """Where templates read the call's output at `path`, around it or inside it."""
        handed = self._handed_to(call)
        found = []
        for node_id, node_type in self._graph.types.items():
            params = self._graph.params[node_id]
            for name in rendered_fields(node_type.params) if node_type and params else ():
                found += [
                    _Reader(node_id, name)
                    for read in _paths(params.get(name) if params else None)
                    for rest in [_rest(read, call, node_id in handed)]
                    if rest is not None and all(a == b for a, b in zip(rest, path, strict=False))
                ]
        return found

    def _handed_to(self, call: str) -> set[str]:
        """Nodes whose `input` may be the call's output: the next ones, and those behind what passes it on."""
        found: set[str] = set()
        stack = [call]
        while stack:
            for edge in self._graph.outgoing[stack.pop()]:
                node_type = self._graph.types[edge.target]
                if edge.target not in found:
                    found.add(edge.target)
                    if node_type is None or node_type.passes_input:
                        stack.append(edge.target)
        return found


@dataclass(frozen=True, slots=True)
class _Reader:
    node: str
    param: str


def _place(problem: Problem) -> tuple[object, ...]:
    return problem.code, problem.node, problem.param, problem.range, str(problem.context.get("name", ""))


def _root(param: str | None) -> str:
    return (param or "").partition(".")[0].partition("[")[0]


def _about(problem: Problem, call: Call, name: str | int) -> bool:
    """Whether a problem of a calling node is about this field of the input."""
    if _root(problem.param) != call.param:
        return False
    path = str(problem.context.get("path", ""))
    inside_it = f"{problem.param}.".startswith(f"{call.param}.{name}.")
    return inside_it or problem.context.get("name") == name or path.endswith(f".{name}")


def _read_by(problem: Problem, readers: list[_Reader]) -> bool:
    return any(problem.node == each.node and _root(problem.param) == each.param for each in readers)


def _kept(change: Change, schemas: Schemas, node_id: str, call: Call, new: Contract) -> bool:
    """Whether what the call passes surely still fits."""
    name = change.path[0]
    given = options(schemas.of(node_id, call.input))
    always = all(name in required(each) for each in given)
    never = all(name not in properties(each) and each.get("additionalProperties") is False for each in given)
    if change.code == "input_required":
        return always
    if never or change.code == "input_removed":
        return never
    takes = kinds(inside(new.inputs, (name,)))
    has = [kinds(inside(each, (name,))) for each in given]
    return takes is None or all(each is not None and each <= takes for each in has)


def _paths(raw: object) -> Iterator[Path]:
    try:
        yield from (reference.path for reference in compile_value(raw).references)
    except TemplateError:
        return


def _rest(read: Path, call: str, handed: bool) -> Path | None:
    """The path inside the call's output that a template reads; None where it reads something else."""
    if read[:2] == ("nodes", call):
        return read[2:]
    if read[0] == "input" and handed:
        return read[2:] if read[1:2] == (call,) else read[1:]
    return None
