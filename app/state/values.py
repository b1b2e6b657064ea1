"""JSON values as people read and write them on a page."""

import json
from typing import Any, Final

_LONGEST_SHOWN: Final = 20_000


def read_value(text: str) -> Any:
    """JSON where the text is JSON, else the text itself; None for nothing."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def written(value: Any) -> str:
    """A value to look at: a text as it is, anything else as indented JSON; the beginning of a very long one."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
