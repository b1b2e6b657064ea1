"""Problems of types: a value that can never be what its place takes, and comparisons that can only fail.

Said only where it is certain. What may be anything (the JSON of an HTTP answer) fits everywhere, a template with text
or filters around its path is a text, a whole number is a number.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from app.flows.check.fit import Clash, clash, closed, misfit
from app.flows.check.graph import Graph
from app.flows.check.model_schemas import TEXTED, wanted_by
from app.flows.check.params import conditions_of
from app.flows.check.problem import Problem, Severity
from app.flows.check.schemas import Schemas
from app.flows.check.shapes import (
    ANYTHING,
    LIST,
    NUMBER,
    Schema,
    element,
    kinds,
    named,
    options,
    properties,
    required,
)
from app.flows.conditions import OPS, UNARY, comparisons, never_alike
from app.flows.document import Node
from app.flows.node_type import Call
from app.flows.templates import TemplateError, compile_value, is_template, single_path

Wants = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_CODES: Final = {
    "kind": "reference.type_mismatch",
    "value": "reference.type_mismatch",
    "missing": "reference.missing_field",
    "unknown": "reference.extra_field",
}
_HAS_ITEMS: Final = frozenset({"in", "not_in"})


class Types:
    """The checks of one flow's types."""

    def __init__(self, graph: Graph, schemas: Schemas) -> None:
        self._graph, self._schemas = graph, schemas

    def problems(self, node: Node) -> Iterator[Problem]:
        node_type, params = self._graph.types[node.id], self._graph.params[node.id]
        if node_type is None or params is None:
            return
        for name, wanted in wanted_by(node_type.params).items():
            if name in params and (wanted is not TEXTED or single_path(params[name])):
                yield from self._fits(node, params[name], wanted, name, converts=True)
        if node_type.wants is not None:
            yield from self._own(node, node_type.wants, params)
        if node_type.calls is not None:
            yield from self._called(node, node_type.calls(params))
        if "assign" in params:
            yield from self._assigned(node, params["assign"])
        for place, condition in conditions_of(node_type.params, params):
            yield from self._compared(node, condition, place)

    def _own(self, node: Node, wants: Wants, params: Mapping[str, Any]) -> Iterator[Problem]:
        """What the type itself asks of a rendered param."""
        try:
            asked = wants(params)
        except Exception:  # params of any shape stand in an unfinished document
            return
        for name, wanted in asked.items():
            if name in params:
                yield from self._fits(node, params[name], wanted, name)

    def _called(self, node: Node, call: Call | None) -> Iterator[Problem]:
        """What the called flow takes."""
        contract = self._schemas.called.get((str(call.flow), str(call.version))) if call else None
        if call is None or contract is None:
            return
        if not contract.takes_calls:
            yield Problem("call.not_callable", node=node.id, param=call.param)
        yield from self._fits(node, call.input, contract.inputs, call.param)

    def _assigned(self, node: Node, assign: Any) -> Iterator[Problem]:
        """Assignments of another type than the state declares."""
        for target, value in assign.items() if isinstance(assign, Mapping) else ():
            declared = self._schemas.state(str(target).removeprefix("state."))
            place = f"assign.{target}"
            only = next(iter(value)) if isinstance(value, Mapping) and len(value) == 1 else None
            if only == "plus":
                yield from self._kept(node, declared, NUMBER, place)
                yield from self._fits(node, value["plus"], NUMBER, f"{place}.plus")
            elif only == "append":
                yield from self._kept(node, declared, LIST, place)
                yield from self._fits(node, value["append"], element(declared), f"{place}.append")
            else:
                yield from self._fits(node, value, declared, place)

    def _kept(self, node: Node, declared: Schema, wanted: Schema, place: str) -> Iterator[Problem]:
        """Counting needs a number, appending a list; both begin anew from null."""
        has = kinds(declared)
        if has is not None and has.isdisjoint((kinds(wanted) or frozenset()) | {"null"}):
            context = {
                "path": place.removeprefix("assign."),
                "given": named(has),
                "wanted": named(kinds(wanted)),
            }
            yield Problem(
                "reference.type_mismatch", node=node.id, param=place, context={**context, "place": place}
            )

    def _fits(
        self, node: Node, raw: Any, wanted: Schema, place: str, *, converts: bool = False
    ) -> Iterator[Problem]:
        """A raw value against what its place takes; inside objects and lists part by part, so that each is located."""
        if not wanted or (isinstance(raw, Mapping) and "$ai" in raw):
            return
        if is_template(raw):
            found = clash(self._schemas.of(node.id, raw), wanted, converts=converts)
            if found is not None:
                yield from self._mismatch(node, raw, found, place)
            return
        open_ = _has_templates(raw)
        if isinstance(raw, Mapping | list | tuple) and (open_ or not converts):
            inside = list(self._parts(node, raw, wanted, place, converts))
            yield from inside
            if inside:
                return
        reason = None if converts or open_ else misfit(raw, wanted)
        if reason is not None:
            context = {"param": place, "reason": reason}
            yield Problem("value.does_not_fit", node=node.id, param=place, context=context)

    def _parts(self, node: Node, raw: Any, wanted: Schema, place: str, converts: bool) -> Iterator[Problem]:
        kind = "object" if isinstance(raw, Mapping) else "list"
        fitting = [each for each in options(wanted) if kind in (kinds(each) or {kind})]
        if not fitting:
            if not converts:
                found = Clash(kind, named(kinds(wanted)))
                yield from self._mismatch(node, "", found, place)
            return
        if len(fitting) > 1:
            return
        option = fitting[0]
        if not isinstance(raw, Mapping):
            items = option.get("items")
            for index, each in enumerate(raw):
                if isinstance(items, Mapping):
                    yield from self._fits(node, each, items, f"{place}[{index}]", converts=converts)
            return
        if not converts:
            yield from self._keys(node, raw, option, place)
        more = option.get("additionalProperties")
        for name, each in raw.items():
            inner = properties(option).get(name, more if isinstance(more, Mapping) else ANYTHING)
            if isinstance(inner, Mapping):
                yield from self._fits(node, each, inner, f"{place}.{name}", converts=converts)

    def _keys(self, node: Node, raw: Mapping[str, Any], option: Schema, place: str) -> Iterator[Problem]:
        for name in required(option):
            if name not in raw:
                context = {"name": name, "place": place}
                yield Problem("value.missing_field", node=node.id, param=place, context=context)
        if closed(option):
            for name in raw:
                if name not in properties(option):
                    context = {"name": name, "place": place}
                    yield Problem(
                        "value.unknown_field", node=node.id, param=f"{place}.{name}", context=context
                    )

    def _mismatch(self, node: Node, raw: str, found: Clash, place: str) -> Iterator[Problem]:
        """A clash in words: kinds that differ, or what is missing, in the way or not allowed inside."""
        start, end, path = 0, len(raw), place
        if raw:
            try:
                references = compile_value(raw).references
            except TemplateError:
                return  # said by the references
            if len(references) == 1:
                start, end = references[0].start, references[0].end
            path = raw[start:end]
        inner = f"{path}.{found.place}" if found.place else path
        context = {"path": inner, "given": found.given, "wanted": found.wanted, "place": place}
        yield Problem(
            _CODES[found.what],
            "error" if found.sure else "warning",
            node=node.id,
            param=place,
            range=(start, end) if raw else None,
            context=context,
        )

    def _compared(self, node: Node, condition: Any, place: str) -> Iterator[Problem]:
        for where, op, left, right in comparisons(condition, place):
            if op not in OPS or op in UNARY or not (_has_templates(left) or _has_templates(right)):
                continue
            has, other = self._schemas.of(node.id, left), self._schemas.of(node.id, right)
            severity = _unlike(op, has, other)
            if severity is not None:
                context = {"op": op, "left": _shown(has), "right": _shown(other)}
                yield Problem("condition.unlike_types", severity, node=node.id, param=where, context=context)


def _unlike(op: str, left: Schema, right: Schema) -> Severity | None:
    """Whether a comparison fails, or would fail but for an empty list, which has no element of another kind."""
    if never_alike(op, kinds(left), kinds(right)):
        return "error"
    items, value = (right, left) if op in _HAS_ITEMS else (left, right)
    if op.removeprefix("not_") not in ("in", "contains") or kinds(items) != frozenset({"list"}):
        return None
    inner, outer = kinds(element(items)), kinds(value)
    if inner is None or outer is None or not inner.isdisjoint(outer):
        return None
    if items.get("maxItems") == 0:
        return None
    return "error" if items.get("minItems") else "warning"


def _shown(schema: Schema) -> str:
    inner = kinds(element(schema)) if kinds(schema) == frozenset({"list"}) else None
    return f"list ({named(inner)})" if inner else named(kinds(schema))


def _has_templates(raw: Any) -> bool:
    if isinstance(raw, Mapping):
        return any(_has_templates(each) for each in raw.values())
    if isinstance(raw, list | tuple):
        return any(_has_templates(each) for each in raw)
    return is_template(raw)
