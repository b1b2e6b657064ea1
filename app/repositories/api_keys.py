"""API keys: a workspace's list, and the one behind a presented key."""

from collections.abc import Sequence

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.clock import now
from app.models.api_keys import ApiKey
from app.repositories.base import WorkspaceRepository


class ApiKeys(WorkspaceRepository[ApiKey]):
    model = ApiKey
    missing = "api_key.not_found"

    async def list(self) -> Sequence[ApiKey]:
        """Keys that are not revoked, the newest first."""
        query = self.rows().where(col(ApiKey.revoked_at).is_(None)).order_by(col(ApiKey.id).desc())
        return (await self.session.scalars(query)).all()


async def by_hash(session: AsyncSession, key_hash: str) -> ApiKey | None:
    """The live key behind a hash, whose workspace the caller does not know yet."""
    return await session.scalar(
        select(ApiKey).where(
            col(ApiKey.key_hash) == key_hash,
            col(ApiKey.revoked_at).is_(None),
            or_(col(ApiKey.expires_at).is_(None), col(ApiKey.expires_at) > now()),
        )
    )


async def note_use(session: AsyncSession, key: ApiKey) -> None:
    await session.execute(update(ApiKey).where(col(ApiKey.id) == key.id).values(last_used_at=now()))
