"""The sentence of a stored error."""

from collections.abc import Mapping
from typing import Any

from app.i18n import DEFAULT, find


def sentence(error: Mapping[str, Any], locale: str = DEFAULT) -> str:
    """What happened, in words; the code where it has none. An error that names its `cause` tells that one's reason."""
    told = error.get("context")
    context = {name: error.get(name) for name in ("node", "param", "path")}
    context |= told if isinstance(told, Mapping) else {}
    if cause := context.get("cause"):
        context["reason"] = sentence(cause, locale)
    said = find(f"errors.{error['code']}", locale, **context)
    return said or str(error.get("message") or context.get("message") or error["code"])


def origin(error: Mapping[str, Any]) -> Mapping[str, Any]:
    """The error that others name as their cause. Flows that call flows tell it alone, not each other's telling of it."""
    context = error.get("context")
    cause = context.get("cause") if isinstance(context, Mapping) else None
    return origin(cause) if isinstance(cause, Mapping) else error
