"""Sign-ins by their secrets' hashes: cookies, refresh tokens, one-time codes."""

from uuid import UUID

from sqlalchemy import Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.clock import now
from app.models.auth_sessions import AuthSession, EnterCode, RefreshToken


async def live(session: AsyncSession, session_id: UUID) -> AuthSession | None:
    """The sign-in unless it is revoked or over."""
    return await session.scalar(_live().where(col(AuthSession.id) == session_id))


async def by_cookie(session: AsyncSession, cookie_hash: str) -> AuthSession | None:
    return await session.scalar(_live().where(col(AuthSession.cookie_hash) == cookie_hash))


async def lock_refresh_token(
    session: AsyncSession, token_hash: str
) -> tuple[RefreshToken, AuthSession] | None:
    """The token and its family, locked until the transaction ends: two refreshes with one token take turns."""
    row = (
        await session.execute(
            select(RefreshToken, AuthSession)
            .join(AuthSession, col(AuthSession.id) == col(RefreshToken.family_id))
            .where(col(RefreshToken.token_hash) == token_hash)
            .with_for_update()
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None


async def revoke(session: AsyncSession, session_id: UUID) -> None:
    """End a sign-in: its cookie, its refresh tokens and its access tokens count no more."""
    await session.execute(
        update(AuthSession)
        .where(col(AuthSession.id) == session_id, col(AuthSession.revoked_at).is_(None))
        .values(revoked_at=now())
    )


async def take_enter_code(session: AsyncSession, code_hash: str) -> EnterCode | None:
    """The code, which is used up by this. None when it is unknown, used or too old."""
    taken = await session.scalar(
        delete(EnterCode).where(col(EnterCode.code_hash) == code_hash).returning(EnterCode)
    )
    return taken if taken and taken.expires_at > now() else None


def _live() -> Select[AuthSession]:
    return select(AuthSession).where(
        col(AuthSession.revoked_at).is_(None), col(AuthSession.expires_at) > now()
    )
