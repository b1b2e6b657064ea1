"""The runs that do parts of a spread map, as the run whose map it is sees them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.repositories import blobs

_PARTS = text("""
SELECT id, status, output, error, usage, blobs FROM flow_run
WHERE parent_run_id = :id AND parent_node = :node AND parent_path = :path AND source = 'part'
ORDER BY ended_at
""")


@dataclass(frozen=True, slots=True)
class PartEnd:
    """How a part of a spread map stands."""

    status: str
    output: Any
    error: Any
    usage: dict[str, Any] | None


_STEPS = text("""
SELECT coalesce(sum(CAST(usage->>'steps' AS bigint)), 0) FROM flow_run
WHERE parent_run_id = :id AND parent_node = :node AND parent_path = :path AND source = 'part' AND ended_at IS NOT NULL
""")


async def steps_of_parts(session: AsyncSession, run_id: UUID, node: str, path: str) -> int:
    """How many steps those parts of a map took that have ended."""
    return int(await session.scalar(_STEPS, {"id": run_id, "node": node, "path": path}) or 0)


async def parts_of(session: AsyncSession, run_id: UUID, node: str, path: str) -> list[PartEnd]:
    """The parts of a map, those that ended first before the others."""
    rows = [
        row._asdict() for row in await session.execute(_PARTS, {"id": run_id, "node": node, "path": path})
    ]
    large = [(row["id"], row["blobs"], row) for row in rows if row["blobs"]]
    await blobs.filled(session, large)
    return [PartEnd(row["status"], row["output"], row["error"], row["usage"]) for row in rows]
