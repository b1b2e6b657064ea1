"""Problems of params: what their pydantic model says, conditions, and what a type checks itself."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from app.flows import conditions
from app.flows.check.graph import Graph
from app.flows.check.problem import Problem
from app.flows.codec import place_of
from app.flows.document import Node
from app.flows.node_type import NodeType, Params
from app.flows.plan import rendered_kind
from app.flows.templates import is_template

_BY_PYDANTIC: Final = {
    "missing": "params.missing",
    "extra_forbidden": "params.unknown",
    "too_short": "params.too_short",
    "string_too_short": "params.too_short",
    "too_long": "params.too_long",
    "string_too_long": "params.too_long",
    "literal_error": "params.not_allowed",
    "string_pattern_mismatch": "params.bad_form",
    "greater_than": "params.out_of_range",
    "greater_than_equal": "params.out_of_range",
    "less_than": "params.out_of_range",
    "less_than_equal": "params.out_of_range",
}
_CONDITIONS: Final = frozenset({"when", "while", "until", "match"})


@cache
def rendered_fields(model: type[Params]) -> Mapping[str, str]:
    """The params that are templates, by the name a file uses, with their kind (text, value or raw)."""
    names = [info.alias or name for name, info in model.model_fields.items()]
    kinds = [(name, rendered_kind(model, name)) for name in names]
    return {name: kind for name, kind in kinds if kind is not None}


def params(graph: Graph, node: Node) -> Iterator[Problem]:
    """All problems of one node's params. Needs a known type and version."""
    node_type, raw = graph.types[node.id], graph.params[node.id]
    if node_type is None or raw is None:
        return
    model_complaints = list(_by_model(node, node_type, raw))
    yield from model_complaints
    for place, condition in conditions_of(node_type.params, raw):
        for code, inner, values in conditions.problems(condition, place):
            yield Problem(code, node=node.id, param=inner, context=values)
    said = {problem.param for problem in model_complaints}
    for code, param, context in _own(node_type, raw):
        if param not in said:
            yield Problem(code, node=node.id, param=param, context={"param": param, **context})


def _own(node_type: NodeType, raw: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    try:
        return node_type.check(raw) if node_type.check else []
    except Exception:  # params of any shape stand in an unfinished document; the model reports theirs
        return []


def _by_model(node: Node, node_type: NodeType, raw: Mapping[str, Any]) -> Iterator[Problem]:
    try:
        node_type.params.model_validate(dict(raw))
        return
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False)
    rendered = rendered_fields(node_type.params)
    seen: set[tuple[str, str]] = set()
    for each in complaints:
        place, is_open = _place(each["loc"], raw, rendered)
        if is_open and each["type"] not in ("missing", "extra_forbidden"):
            continue
        code = _BY_PYDANTIC.get(each["type"], "params.invalid")
        if (code, place) in seen or _conditional(place, each["type"]):
            continue
        seen.add((code, place))
        context = {"param": place, "reason": each["msg"].removeprefix("Value error, ")}
        yield Problem(code, node=node.id, param=place or None, context=context)


def _conditional(place: str, kind: str) -> bool:
    """A condition that is no object is said once, by the conditions' own check."""
    return place.rpartition(".")[2] in _CONDITIONS and kind != "missing"


def _place(loc: tuple[Any, ...], raw: Mapping[str, Any], rendered: Mapping[str, str]) -> tuple[str, bool]:
    """Where a complaint is in the file, and whether a template there decides only while running.

    Pydantic adds names of union members to a place; only steps that exist in the file, and the last one, are kept.
    """
    value: Any = raw
    steps: list[Any] = []
    for index, step in enumerate(loc):
        if (isinstance(value, Mapping) and step in value) or (
            isinstance(value, list | tuple) and isinstance(step, int) and step < len(value)
        ):
            value = value[step]
        elif isinstance(value, Mapping) and index == len(loc) - 1:
            value = None
        else:
            break
        steps.append(step)
    is_open = bool(loc) and loc[0] in rendered and is_template(value)
    return place_of(steps), is_open


def conditions_of(model: type[BaseModel], raw: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every condition of these params with its place, also inside lists of nested models."""
    if not isinstance(raw, Mapping):
        return
    for name, kind, nested in _condition_fields(model):
        if raw.get(name) is None:
            continue
        here, value = (f"{place}.{name}" if place else name), raw[name]
        if kind == "condition":
            yield here, value
        elif nested is not None and isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from conditions_of(nested, item, f"{here}[{index}]")


@cache
def _condition_fields(model: type[BaseModel]) -> tuple[tuple[str, str, type[BaseModel] | None], ...]:
    found: list[tuple[str, str, type[BaseModel] | None]] = []
    for name, info in model.model_fields.items():
        alias = info.alias or name
        if _is_condition(info):
            found.append((alias, "condition", None))
        else:
            nested = next(_models(info.annotation), None)
            if nested is not None and _condition_fields(nested):
                found.append((alias, "list", nested))
    return tuple(found)


def _is_condition(info: FieldInfo) -> bool:
    """Whether a field is a condition, or one that may be left out."""
    marks = [each for part in get_args(info.annotation) for each in getattr(part, "__metadata__", ())]
    extras = [each.json_schema_extra for each in (info, *marks) if isinstance(each, FieldInfo)]
    return any(isinstance(each, dict) and each.get("x-template") == "condition" for each in extras)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_args(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
