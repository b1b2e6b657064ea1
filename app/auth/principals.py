"""From what a request shows (a bearer token, an API key, a cookie) to who is asking.

Answers are remembered for a few seconds in the process, so that a burst of calls costs one look-up. Ending a sign-in
here forgets them at once; another process may take those seconds to notice.
"""

import time
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions, tokens
from app.core.ids import AccountId, AuthSessionId, WorkspaceId
from app.core.principal import Principal, Role, Via
from app.errors import Unauthenticated
from app.models.accounts import Account, Membership
from app.repositories import accounts, api_keys, auth_sessions

COOKIE: Final = "prometey_session"
_REMEMBERED_S = 5.0
_MOST = 10_000
_ROLES: Final[dict[str, Role]] = {"owner": "owner", "editor": "editor", "viewer": "viewer"}


@dataclass(frozen=True, slots=True)
class _Remembered:
    principal: Principal
    until: float


_remembered: dict[str, _Remembered] = {}


def recall(secret: str) -> Principal | None:
    """Who showed this secret a moment ago. Needs no database."""
    known = _remembered.get(tokens.fingerprint(secret))
    return known.principal if known and known.until > time.monotonic() else None


def forget() -> None:
    """Look everybody up anew: a sign-in ended or a key was revoked."""
    _remembered.clear()


async def from_bearer(session: AsyncSession, secret: str) -> Principal:
    """The principal behind a bearer credential. Raises `Unauthenticated`."""
    if secret.startswith(tokens.API_KEY_PREFIX):
        principal = await _from_api_key(session, secret)
    else:
        user_id, workspace_id, session_id = tokens.read_access_token(secret)
        if await auth_sessions.live(session, session_id) is None:
            raise Unauthenticated("auth.signed_out")
        found = await accounts.member(session, user_id, workspace_id)
        if found is None:
            raise Unauthenticated("auth.invalid_token")
        principal = person(*found, via="token", session_id=session_id)
    return _remember(secret, principal)


async def from_cookie(session: AsyncSession, secret: str) -> Principal | None:
    signed_in = await auth_sessions.by_cookie(session, tokens.fingerprint(secret))
    if signed_in is None:
        return None
    found = await accounts.member(session, signed_in.account_id, signed_in.workspace_id)
    if found is None:
        return None
    return _remember(secret, person(*found, via="cookie", session_id=signed_in.id))


async def principal_from_cookie_header(session: AsyncSession, raw_cookie: str) -> Principal | None:
    """The principal behind a raw `Cookie` header, as a websocket or a page's state holds it."""
    secret = cookie_secret(raw_cookie)
    return (recall(secret) or await from_cookie(session, secret)) if secret else None


def cookie_secret(raw_cookie: str) -> str:
    """The session's secret in a raw `Cookie` header; empty where there is none."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(raw_cookie)
    except CookieError:
        return ""
    return jar[COOKIE].value if COOKIE in jar else ""


def person(account: Account, membership: Membership, *, via: Via, session_id: UUID | None) -> Principal:
    """A member of a workspace with all their role brings."""
    role = _ROLES.get(membership.role, "viewer")
    return Principal(
        user_id=AccountId(account.id),
        workspace_id=WorkspaceId(membership.workspace_id),
        role=role,
        scopes=permissions.of_role(role),
        name=account.name,
        email=account.email,
        locale=account.locale,
        via=via,
        session_id=AuthSessionId(session_id) if session_id else None,
    )


async def _from_api_key(session: AsyncSession, secret: str) -> Principal:
    key = await api_keys.by_hash(session, tokens.fingerprint(secret))
    found = await accounts.member(session, key.account_id, key.workspace_id) if key else None
    if key is None or found is None:
        raise Unauthenticated("auth.invalid_api_key")
    await api_keys.note_use(session, key)
    owner = person(*found, via="api_key", session_id=None)
    return Principal(
        user_id=owner.user_id,
        workspace_id=owner.workspace_id,
        role=owner.role,
        scopes=owner.scopes & frozenset(key.scopes.split()),
        name=owner.name,
        email=owner.email,
        locale=owner.locale,
        via="api_key",
    )


def _remember(secret: str, principal: Principal) -> Principal:
    if len(_remembered) >= _MOST:
        _remembered.clear()
    _remembered[tokens.fingerprint(secret)] = _Remembered(principal, time.monotonic() + _REMEMBERED_S)
    return principal
