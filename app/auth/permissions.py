"""What may be done: scopes, and which of them a role brings."""

from collections.abc import Iterable
from typing import Final

from app.core.principal import Principal, Role
from app.errors import Denied, Invalid

SCOPES: Final = ("flows:read", "flows:write", "runs:read", "runs:write", "keys:read", "keys:write")
KEY_DEFAULT: Final = ("flows:read", "flows:write", "runs:read", "runs:write")
_BY_ROLE: Final[dict[str, frozenset[str]]] = {
    "owner": frozenset(SCOPES),
    "editor": frozenset(KEY_DEFAULT),
    "viewer": frozenset({"flows:read", "runs:read"}),
}


def of_role(role: Role) -> frozenset[str]:
    return _BY_ROLE[role]


def require(principal: Principal, scope: str) -> None:
    """Raise `Denied` naming the scope the caller lacks."""
    if not principal.may(scope):
        raise Denied("auth.missing_scope", scope=scope)


def grantable(principal: Principal, wanted: Iterable[str]) -> tuple[str, ...]:
    """The wanted scopes in their usual order. Nobody hands on more than they have."""
    wanted = set(wanted)
    unknown = sorted(wanted - set(SCOPES))
    if unknown:
        raise Invalid("auth.unknown_scope", path="body.scopes", scope=unknown[0], known=", ".join(SCOPES))
    beyond = sorted(wanted - principal.scopes)
    if beyond:
        raise Denied("auth.missing_scope", scope=beyond[0])
    return tuple(scope for scope in SCOPES if scope in wanted)
