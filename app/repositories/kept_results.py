"""Results of steps that are kept for later runs. Times are the database's."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_FIND = text("""
SELECT result FROM kept_result
WHERE key = :key AND workspace_id = :workspace_id AND expires_at > clock_timestamp()
""")
_KEEP = text("""
INSERT INTO kept_result (key, workspace_id, created_at, expires_at, result)
VALUES (:key, :workspace_id, clock_timestamp(), clock_timestamp() + make_interval(secs => :ttl_s), :result)
ON CONFLICT (key) DO UPDATE SET
  created_at = excluded.created_at, expires_at = excluded.expires_at, result = excluded.result
""")
_PRUNE = text("""
DELETE FROM kept_result WHERE key IN (
  SELECT key FROM kept_result WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT :limit
  FOR UPDATE SKIP LOCKED
)
""")


async def find(session: AsyncSession, workspace_id: UUID, key: str) -> str | None:
    """A result as it was kept; None when there is none or its time is over."""
    found: str | None = await session.scalar(_FIND, {"key": key, "workspace_id": workspace_id})
    return found


async def keep(session: AsyncSession, workspace_id: UUID, key: str, result: str, ttl_s: float) -> None:
    await session.execute(_KEEP, {"key": key, "workspace_id": workspace_id, "result": result, "ttl_s": ttl_s})


async def prune(session: AsyncSession, limit: int = 1_000) -> None:
    """Forget results whose time is over."""
    await session.execute(_PRUNE, {"limit": limit})
