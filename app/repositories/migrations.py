"""Which migrations a database has."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def applied(session: AsyncSession) -> frozenset[str]:
    """What Alembic noted; empty for a database nobody has migrated."""
    if await session.scalar(text("SELECT to_regclass('alembic_version')")) is None:
        return frozenset()
    return frozenset(await session.scalars(text("SELECT version_num FROM alembic_version")))
