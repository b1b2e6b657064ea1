"""The sentence of a stored error."""

from collections.abc import Mapping
from typing import Any

from app.i18n import DEFAULT, find


def sentence(error: Mapping[str, Any], locale: str = DEFAULT) -> str:
    """What happened, in words; the code where it has none. An error that names its `cause` tells that one's reason."""
    context = {name: error.get(name) for name in ("node", "param", "path")} | dict(error.get("context") or {})
    if cause := context.get("cause"):
        context["reason"] = sentence(cause, locale)
    said = find(f"errors.{error['code']}", locale, **context)
    return said or str(error.get("message") or context.get("message") or error["code"])
