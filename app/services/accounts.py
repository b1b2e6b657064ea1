"""Signing up, in, on and out. A sign-in is a family of refresh tokens (the API) or a cookie (a browser)."""

from dataclasses import dataclass

import structlog
from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import passwords, principals, tokens
from app.core.clock import now
from app.core.db import after_commit
from app.core.principal import Principal
from app.errors import Conflict, Invalid, Unauthenticated
from app.models.accounts import Account, Membership, Workspace
from app.models.auth_sessions import AuthSession, EnterCode, RefreshToken
from app.repositories import accounts, auth_sessions
from app.schemas.accounts import UserView

SHORTEST_PASSWORD = 8
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who proved who they are. Nothing is issued yet."""

    principal: Principal

    @property
    def user(self) -> UserView:
        who = self.principal
        return UserView(id=who.user_id, email=who.email, name=who.name)


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str
    expires_in: int


async def sign_up(
    session: AsyncSession, *, email: str, password: str, name: str = "", locale: str = ""
) -> SignedIn:
    """A new person in a workspace of their own.

    Raises `Invalid` (`account.email_invalid`, `account.password_short`, with the field's `path`) and `Conflict`
    (`account.email_taken`).
    """
    address = _valid_address(email)
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid("account.password_short", path="body.password", shortest=SHORTEST_PASSWORD)
    if await accounts.by_email(session, address):
        raise Conflict("account.email_taken", path="body.email")
    name = " ".join(name.split()) or address.partition("@")[0]
    account = Account(
        email=address, name=name, password_hash=await passwords.hash_password(password), locale=locale
    )
    workspace = Workspace(name=name)
    session.add_all([account, workspace])
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict("account.email_taken", path="body.email") from None
    membership = Membership(account_id=account.id, workspace_id=workspace.id, role="owner")
    session.add(membership)
    await session.flush()
    _log.info("account.signed_up", account_id=str(account.id))
    return SignedIn(principals.person(account, membership, via="token", session_id=None))


async def log_in(session: AsyncSession, *, email: str, password: str) -> SignedIn:
    """Check a password. Raises `Unauthenticated` with one code for an unknown address and a wrong password."""
    account = await accounts.by_email(session, normalised(email))
    matches = await passwords.verify_password(account.password_hash if account else None, password)
    membership = await accounts.first_membership(session, account.id) if account and matches else None
    if account is None or membership is None:
        raise Unauthenticated("auth.wrong_credentials")
    return SignedIn(principals.person(account, membership, via="token", session_id=None))


async def issue_tokens(session: AsyncSession, principal: Principal) -> Tokens:
    """Begin a family: an access token and the first refresh token."""
    family = AuthSession(
        account_id=principal.user_id,
        workspace_id=principal.workspace_id,
        expires_at=now() + tokens.REFRESH_LIFETIME,
    )
    session.add(family)
    await session.flush()
    return await _next_tokens(session, family, principal)


async def refresh(session: AsyncSession, refresh_token: str) -> Tokens | None:
    """Exchange a refresh token for new ones; it is used up by this.

    Raises `Unauthenticated` for one that is unknown or over. None says it was used before: somebody copied it, so
    the whole family is revoked (and the caller must let that be committed before it answers).
    """
    found = await auth_sessions.lock_refresh_token(session, tokens.fingerprint(refresh_token))
    if found is None:
        raise Unauthenticated("auth.invalid_refresh_token")
    presented, family = found
    if family.revoked_at or min(presented.expires_at, family.expires_at) <= now():
        raise Unauthenticated("auth.invalid_refresh_token")
    if presented.rotated_at:
        await _revoke(session, family)
        _log.warning("auth.refresh_reused", account_id=str(family.account_id))
        return None
    member = await accounts.member(session, family.account_id, family.workspace_id)
    if member is None:
        raise Unauthenticated("auth.invalid_refresh_token")
    presented.rotated_at = now()
    family.expires_at = now() + tokens.REFRESH_LIFETIME
    return await _next_tokens(session, family, principals.person(*member, via="token", session_id=family.id))


async def issue_cookie(session: AsyncSession, principal: Principal) -> str:
    """Begin a browser's sign-in. Returns the cookie's value."""
    secret, hashed = tokens.new_secret()
    session.add(
        AuthSession(
            account_id=principal.user_id,
            workspace_id=principal.workspace_id,
            cookie_hash=hashed,
            expires_at=now() + tokens.COOKIE_LIFETIME,
        )
    )
    await session.flush()
    return secret


async def issue_enter_code(session: AsyncSession, principal: Principal) -> str:
    """A code that `enter` turns into a cookie once, within a minute."""
    code, hashed = tokens.new_secret()
    session.add(
        EnterCode(
            code_hash=hashed,
            account_id=principal.user_id,
            workspace_id=principal.workspace_id,
            expires_at=now() + tokens.ENTER_LIFETIME,
        )
    )
    await session.flush()
    return code


async def enter(session: AsyncSession, code: str) -> str:
    """Use up a one-time code. Returns the cookie's value. Raises `Unauthenticated`."""
    taken = await auth_sessions.take_enter_code(session, tokens.fingerprint(code))
    member = await accounts.member(session, taken.account_id, taken.workspace_id) if taken else None
    if member is None:
        raise Unauthenticated("auth.enter_code_used")
    return await issue_cookie(session, principals.person(*member, via="cookie", session_id=None))


async def log_out(session: AsyncSession, principal: Principal | None, refresh_token: str = "") -> None:
    """End the caller's sign-in and the one a refresh token belongs to. Unknown ones are over already."""
    if refresh_token:
        found = await auth_sessions.lock_refresh_token(session, tokens.fingerprint(refresh_token))
        if found:
            await _revoke(session, found[1])
    if principal and principal.session_id:
        await auth_sessions.revoke(session, principal.session_id)
        after_commit(session, _forget)


async def set_locale(session: AsyncSession, principal: Principal, locale: str) -> None:
    """The language this person is answered in from now on."""
    found = await accounts.member(session, principal.user_id, principal.workspace_id)
    if found is not None:
        found[0].locale = locale
    after_commit(session, _forget)


def normalised(email: str) -> str:
    """The one way an address is stored and compared."""
    return email.strip().lower()


def _valid_address(email: str) -> str:
    try:
        return normalised(validate_email(email.strip(), check_deliverability=False).normalized)
    except EmailNotValidError as error:
        raise Invalid("account.email_invalid", path="body.email", reason=str(error)) from None


async def _next_tokens(session: AsyncSession, family: AuthSession, principal: Principal) -> Tokens:
    secret, hashed = tokens.new_secret("rt_")
    session.add(
        RefreshToken(family_id=family.id, token_hash=hashed, expires_at=now() + tokens.REFRESH_LIFETIME)
    )
    await session.flush()
    access = tokens.issue_access_token(principal, family.id)
    return Tokens(access, secret, int(tokens.ACCESS_LIFETIME.total_seconds()))


async def _revoke(session: AsyncSession, family: AuthSession) -> None:
    await auth_sessions.revoke(session, family.id)
    after_commit(session, _forget)


async def _forget() -> None:
    principals.forget()
