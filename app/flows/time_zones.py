"""Time zones by name, with the contact's own as the default."""

from collections.abc import Mapping
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.flows.node_type import ErrorKind, NodeError


class Scoped(Protocol):
    scope: Mapping[str, Any]


def zone_of(name: str, ctx: Scoped, param: str) -> ZoneInfo:
    """The named zone, else the contact's, else UTC. Raises `time.unknown_zone`."""
    contact = ctx.scope.get("contact")
    own = contact.get("timezone") if isinstance(contact, Mapping) else None
    wanted = name or (own if isinstance(own, str) else "") or "UTC"
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NodeError(ErrorKind.INVALID_INPUT, "time.unknown_zone", param=param, zone=wanted[:60]) from None
