"""The Liquid that flows are written in: strict, bounded, JSON values written as JSON. See `templates`."""

import json
from collections.abc import Callable
from io import StringIO
from typing import Any, ClassVar, Final, TextIO

from liquid import Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.exceptions import OutputStreamLimitError
from liquid.output import LimitedStringIO
from liquid.undefined import StrictDefaultUndefined

MAX_OUTPUT: Final = 1_048_576
MAX_LOOP: Final = 10_000
# About 3,000 digits: Python itself refuses to write out more than 4,300.
MAX_BITS: Final = 10_000
# Partials would need a loader; the rest of the language has no door to the outside.
_REMOVED_TAGS: Final = ("include", "render", "tablerow")


def text(value: Any) -> str:
    """How a value is written into a text: nothing for null, JSON for numbers, booleans, lists and objects."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(text(self.expression.evaluate(context)))


class _EchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(text(self.expression.evaluate(context)))


class Rendering(RenderContext):
    """Writes as it was told: a buffer of the library turns every line end into a line feed."""

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        carry = buf.size if isinstance(buf, LimitedStringIO) else 0
        return LimitedStringIO(limit=MAX_OUTPUT - carry, newline="")


class _Output(Output):
    node_class = _OutputNode


class _Echo(EchoTag):
    node_class = _EchoNode


class FlowEnvironment(Environment):
    loop_iteration_limit: ClassVar[int | None] = MAX_LOOP
    output_stream_limit: ClassVar[int | None] = MAX_OUTPUT
    local_namespace_limit: ClassVar[int | None] = 4 * MAX_OUTPUT
    context_depth_limit: ClassVar[int] = 30
    block_nesting_limit: ClassVar[int] = 30


def _bounded(filter_: Callable[..., Any], grows: Callable[..., int]) -> Callable[..., Any]:
    """The filter, refused before it multiplies two inputs into more than the output limit."""

    def run(left: Any, *args: Any, **kwargs: Any) -> Any:
        if grows(left, *args) > MAX_OUTPUT:
            raise OutputStreamLimitError("filter output limit reached", token=None)
        return filter_(left, *args, **kwargs)

    for name in ("with_context", "with_environment"):
        if hasattr(filter_, name):
            setattr(run, name, getattr(filter_, name))
    return run


def _replaced(left: Any, seq: Any = "", sub: Any = "", *_: Any) -> int:
    whole, part = text(left), text(seq)
    count = whole.count(part) if part else len(whole) + 1
    return len(whole) + count * len(text(sub))


def _joined(left: Any, separator: Any = " ", *_: Any) -> int:
    return len(left) * len(text(separator)) if isinstance(left, list | tuple) else 0


def _concatenated(left: Any, right: Any = "", *_: Any) -> int:
    return (len(left) if isinstance(left, str) else 0) + (len(right) if isinstance(right, str) else 0)


def _multiplied(left: Any, right: Any = 0, *_: Any) -> int:
    """Whole numbers double their length with each squaring, long before they are written out."""
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() + right.bit_length()
        return MAX_OUTPUT + 1 if bits > MAX_BITS else 0
    return 0


def _spread(*values: Any, **_: Any) -> int:
    """A range is short to write and as long as it says."""
    # Not `isinstance`: it asks an undefined value for its class, which is an error `default` must still be able to mend.
    long = any(type(value) is range and len(value) > MAX_LOOP for value in values)
    return MAX_OUTPUT + 1 if long else 0


def environment() -> Environment:
    """A fresh environment with the tags and filters of the flow language."""
    env = FlowEnvironment(undefined=StrictDefaultUndefined, strict_filters=True)
    for name in _REMOVED_TAGS:
        env.tags.pop(name, None)
    env.add_tag(_Output)
    env.add_tag(_Echo)
    for name, grows in (
        ("replace", _replaced),
        ("join", _joined),
        ("append", _concatenated),
        ("prepend", _concatenated),
        ("times", _multiplied),
    ):
        env.filters[name] = _bounded(env.filters[name], grows)
    env.add_filter("json", lambda value: json.dumps(value, ensure_ascii=False))
    for name, each in env.filters.items():
        env.filters[name] = _bounded(each, _spread)
    return env
