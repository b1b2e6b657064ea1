"""JSON as people read and compare it: a value stays on one line while it fits, entries of lists one a line."""

import json
from typing import Any, Final

WIDTH: Final = 110
# Always one entry a line, so that an added node or a moved box is a one-line change.
_OPEN: Final = frozenset({("nodes",), ("edges",), ("view",), ("view", "nodes"), ("view", "notes")})


def pretty(data: dict[str, Any]) -> str:
    """The text of a flow object, with a newline at its end."""
    return _expanded(data, 0, ()) + "\n"


# Made once: `json.dumps` with these options makes an encoder for each call.
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _written(value: Any, indent: int, used: int, path: tuple[str, ...] | None) -> str:
    """`value` on one line where it fits beside `used` columns, else opened."""
    if not isinstance(value, dict | list) or not value:
        return _compact(value)
    if path not in _OPEN:
        line = _compact(value)
        if used + len(line) + 1 <= WIDTH:
            return line
    return _expanded(value, indent, path)


def _expanded(value: dict[str, Any] | list[Any], indent: int, path: tuple[str, ...] | None) -> str:
    inner = indent + 2
    pad = " " * inner
    if isinstance(value, dict):
        lines = []
        for name, item in value.items():
            key = _compact(name) + ": "
            deeper = (*path, name) if path is not None and len(path) < 2 else None
            lines.append(pad + key + _written(item, inner, inner + len(key), deeper))
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    lines = [pad + _written(item, inner, inner, None) for item in value]
    return "[\n" + ",\n".join(lines) + "\n" + " " * indent + "]"
