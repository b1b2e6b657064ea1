"""Templates of params: parsed once, rendered with limits, and every reference known with its place.

A string that is exactly one `{{ path }}` takes the value with its type; any other string gives text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, ResourceLimitError, UndefinedError
from liquid.expression import Expression

from app.flows.liquid_environment import MAX_OUTPUT, Rendering, environment, text

__all__ = ["Compiled", "Reference", "TemplateError", "compile_value", "strings", "text"]

MAX_SOURCE: Final = 100_000
Step = str | int
_ENV = environment()
_PATH = re.compile(r"(?:[\w\-]+|\[[^\]]*\])(?:\s*\.\s*[\w\-]+|\s*\[[^\]]*\])*")
_MISSING: Final = object()


class TemplateError(Exception):
    """A template that cannot be parsed or rendered.

    `code` is `template.syntax`, `template.missing`, `template.limit`, `template.unknown_filter` or
    `template.failed`; `path` the reference that has no value; `start`, `end` the range inside the string;
    `place` which string of a tree it is ("cases[0].when.left").
    """

    def __init__(
        self, code: str, path: str = "", start: int = 0, end: int = 0, *, reason: str = "", place: str = ""
    ) -> None:
        self.code, self.path, self.start, self.end = code, path, start, end
        self.reason, self.place = reason, place
        super().__init__(f"{code} {path or reason} at {start}")


@dataclass(frozen=True, slots=True)
class Reference:
    """One path a template reads. A step known only while rendering ends `path`. `place` is its string's."""

    path: tuple[Step, ...]
    start: int
    end: int
    has_default: bool
    place: str = ""


class Compiled:
    """A parsed value. `constant` ones have nothing to render: they give back what they were made from.

    `path` is set for a string that is exactly one `{{ path }}`, the only kind that keeps a value's type.
    """

    __slots__ = ("_render", "constant", "path", "references")

    def __init__(
        self,
        render: Callable[[Mapping[str, Any]], Any],
        references: tuple[Reference, ...],
        constant: bool,
        path: tuple[Step, ...] | None = None,
    ) -> None:
        self._render, self.references, self.constant, self.path = render, references, constant, path

    def render(self, scope: Mapping[str, Any]) -> Any:
        """The value in this scope. Raises `TemplateError`. The result of a constant is shared: do not change it."""
        return self._render(scope)


def compile_value(raw: Any) -> Compiled:
    """Parse every string of a str/list/dict tree. Raises `TemplateError` for the first that cannot be."""
    if isinstance(raw, str):
        parsed = _parse(raw)
        if isinstance(parsed, TemplateError):
            raise TemplateError(
                parsed.code, parsed.path, parsed.start, parsed.end, reason=parsed.reason
            ) from None
        return parsed
    if isinstance(raw, Mapping):
        return _tree(raw, [(f"{name}", value) for name, value in raw.items()])
    if isinstance(raw, list | tuple):
        return _tree(raw, [(f"[{index}]", value) for index, value in enumerate(raw)])
    return Compiled(lambda _scope: raw, (), constant=True)


def single_path(source: Any) -> tuple[Step, ...] | None:
    """The path of a string that is exactly one `{{ path }}` without filters; None for any other value."""
    if not is_template(source):
        return None
    parsed = _parse(source)
    return None if isinstance(parsed, TemplateError) else parsed.path


def strings(raw: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a tree with its place, keys left out."""
    if isinstance(raw, str):
        yield place, raw
    elif isinstance(raw, Mapping):
        for name, value in raw.items():
            yield from strings(value, _joined(place, str(name)))
    elif isinstance(raw, list | tuple):
        for index, value in enumerate(raw):
            yield from strings(value, _joined(place, f"[{index}]"))


def is_template(raw: Any) -> bool:
    """Whether a string has anything to render."""
    return isinstance(raw, str) and ("{{" in raw or "{%" in raw)


def _joined(place: str, step: str) -> str:
    return place + step if step.startswith("[") or not place else f"{place}.{step}"


def _tree(raw: Any, items: list[tuple[str, Any]]) -> Compiled:
    parts: list[Compiled] = []
    references: list[Reference] = []
    for step, value in items:
        try:
            part = compile_value(value)
        except TemplateError as error:
            error.place = _joined(step, error.place) if error.place else step
            raise
        parts.append(part)
        references += [
            replace(each, place=_joined(step, each.place) if each.place else step) for each in part.references
        ]
    if all(part.constant for part in parts):
        return Compiled(lambda _scope: raw, tuple(references), constant=True)
    placed = [(step, part._render) for (step, _), part in zip(items, parts, strict=True)]
    if isinstance(raw, Mapping):
        return Compiled(
            lambda scope: {step: _part(step, render, scope) for step, render in placed},
            tuple(references),
            constant=False,
        )
    return Compiled(
        lambda scope: [_part(step, render, scope) for step, render in placed],
        tuple(references),
        constant=False,
    )


def _part(step: str, render: Callable[[Mapping[str, Any]], Any], scope: Mapping[str, Any]) -> Any:
    try:
        return render(scope)
    except TemplateError as error:
        error.place = _joined(step, error.place) if error.place else step
        raise


@lru_cache(maxsize=4_096)
def _parse(source: str) -> Compiled | TemplateError:
    """Parsed once; errors are remembered too, because a checker asks again at every edit."""
    if not is_template(source):
        return Compiled(lambda _scope: source, (), constant=True)
    if len(source) > MAX_SOURCE:
        return TemplateError("template.limit", end=len(source), reason="source length")
    try:
        template = _ENV.from_string(source)
        references = _references(template, source)
        _check_filters(template, source)
    except TemplateError as error:
        return error
    except ResourceLimitError as error:
        return TemplateError("template.limit", end=len(source), reason=str(error.args[0]))
    except LiquidError as error:
        start, end = _range(error, source)
        return TemplateError("template.syntax", start=start, end=end, reason=_reason(error))
    except RecursionError:
        return TemplateError("template.limit", end=len(source), reason="nesting")
    parts = [_simple(node) for node in template.nodes]
    path = parts[0][0] if len(parts) == 1 and isinstance(parts[0], tuple) else None
    return Compiled(_renderer(template, parts, source), references, constant=False, path=path)


def _reason(error: LiquidError) -> str:
    return str(error.args[0]) if error.args else type(error).__name__


def _range(error: LiquidError, source: str) -> tuple[int, int]:
    """The faulty piece: from the token's start to the end of its word or of its tag."""
    token = error.token
    if token is None or token.start_index < 0:
        return 0, len(source)
    start = min(token.start_index, len(source) - 1)
    return start, max(start + 1, min(len(source), start + len(token.value or "")))


def _check_filters(template: BoundTemplate, source: str) -> None:
    for name, spans in template.analyze(include_partials=False).filters.items():
        if name not in _ENV.filters:
            start = spans[0].index
            raise TemplateError("template.unknown_filter", name, start, min(len(source), start + len(name)))


def _references(template: BoundTemplate, source: str) -> tuple[Reference, ...]:
    defaulted = set(_defaulted(template))
    found = []
    for variables in template.analyze(include_partials=False).globals.values():
        for variable in variables:
            path: list[Step] = []
            for segment in variable.segments:
                if isinstance(segment, list):
                    break
                path.append(segment)
            start = variable.span.index
            found.append(Reference(tuple(path), start, _end(source, start), start in defaulted))
    return tuple(sorted(found, key=lambda reference: reference.start))


def _end(source: str, start: int) -> int:
    match = _PATH.match(source, start)
    return match.end() if match else start


def _defaulted(template: BoundTemplate) -> Iterator[int]:
    """Where paths start whose missing value is replaced by a `default` filter."""
    context = RenderContext(template)

    def expressions(expression: Expression) -> Iterator[int]:
        if (
            isinstance(expression, FilteredExpression)
            and isinstance(expression.left, Path)
            and expression.filters
            and expression.filters[0].name == "default"
        ):
            yield expression.left.token.start_index
        for child in expression.children():
            yield from expressions(child)

    def nodes(node: Node) -> Iterator[int]:
        for expression in node.expressions():
            yield from expressions(expression)
        for child in node.children(context, include_partials=False):
            yield from nodes(child)

    for node in template.nodes:
        yield from nodes(node)


def _renderer(template: BoundTemplate, parts: list[Any], source: str) -> Callable[[Mapping[str, Any]], Any]:
    if any(part is None for part in parts):
        return lambda scope: _liquid(template, source, scope)
    if len(parts) == 1 and isinstance(parts[0], tuple):
        path, start = parts[0]
        return lambda scope: _value(scope, path, start, source)
    return lambda scope: _joined_text(parts, source, scope)


def _simple(node: Node) -> str | tuple[tuple[Step, ...], int] | None:
    """A piece of text, or a plain path with its place, or None for anything that needs Liquid itself."""
    if isinstance(node, ContentNode):
        return str(node.text)
    if isinstance(node, OutputNode):
        expression = node.expression
        if isinstance(expression, FilteredExpression) and not expression.filters:
            left = expression.left
            if isinstance(left, Path) and not any(isinstance(step, Path) for step in left.path):
                return tuple(step for step in left.path if not isinstance(step, Path)), left.token.start_index
    return None


def _joined_text(parts: list[Any], source: str, scope: Mapping[str, Any]) -> str:
    written = "".join(
        part if isinstance(part, str) else text(_value(scope, part[0], part[1], source)) for part in parts
    )
    if len(written) > MAX_OUTPUT // 4 and len(written.encode("utf-8", "replace")) > MAX_OUTPUT:
        raise TemplateError("template.limit", end=len(source), reason="output")
    return written


def _value(scope: Mapping[str, Any], path: tuple[Step, ...], start: int, source: str) -> Any:
    found: Any = scope
    for step in path:
        found = _step(found, step)
        if found is _MISSING:
            end = _end(source, start)
            raise TemplateError("template.missing", source[start:end], start, end)
    return found


def _step(value: Any, step: Step) -> Any:
    """One step of a path as Liquid takes it: keys, list places, and `size`, `first`, `last`."""
    if isinstance(value, dict | Mapping):
        if step in value:
            return value[step]
        return len(value) if step == "size" else _MISSING
    if isinstance(value, list | tuple):
        if isinstance(step, int):
            return value[step] if -len(value) <= step < len(value) else _MISSING
        if step == "size":
            return len(value)
        if step in ("first", "last") and value:
            return value[0 if step == "first" else -1]
        return _MISSING
    return len(value) if isinstance(value, str) and step == "size" else _MISSING


def _liquid(template: BoundTemplate, source: str, scope: Mapping[str, Any]) -> str:
    rendering = Rendering(template, globals=scope)
    buffer = rendering.get_buffer()
    try:
        template.render_with_context(rendering, buffer)
    except UndefinedError as error:
        start, _ = _range(error, source)
        end = _end(source, start)
        raise TemplateError("template.missing", source[start:end], start, end) from None
    except ResourceLimitError as error:
        raise TemplateError("template.limit", end=len(source), reason=_reason(error)) from None
    except LiquidError as error:
        start, end = _range(error, source)
        raise TemplateError("template.failed", start=start, end=end, reason=_reason(error)) from None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise TemplateError("template.failed", end=len(source), reason=reason) from error
    return buffer.getvalue()
