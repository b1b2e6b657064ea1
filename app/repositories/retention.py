"""Removes what is left of runs that ended long ago: first their journals, much later their rows.

A run under way or waiting is never touched, nor is one whose parent, called run, fork or task still needs it.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.flows.large_values import hashes

MOST_EVENTS: Final = 20_000
_LOCK: Final = 4_018_255_703
# `WHICH` names the partial index that finds them.
_ENDED_AND_NOT_NEEDED: Final = """
SELECT run.id, run.seq, run.blobs FROM flow_run AS run
WHERE run.ended_at < :before AND run.settled AND WHICH
  AND NOT EXISTS (
    SELECT FROM flow_run AS parent
    WHERE parent.id = run.parent_run_id AND (parent.ended_at IS NULL OR parent.ended_at >= :before)
  )
  AND NOT EXISTS (
    SELECT FROM flow_run AS child WHERE child.parent_run_id = run.id AND child.ended_at IS NULL
  )
  AND NOT EXISTS (
    SELECT FROM flow_run AS fork WHERE fork.replay_of = run.id AND fork.details_removed_at IS NULL
  )
  AND NOT EXISTS (
    SELECT FROM flow_wait AS wait
    WHERE wait.run_id = run.id AND wait.detached AND NOT wait.closed AND wait.resolved_at IS NULL
  )
ORDER BY run.ended_at LIMIT :limit FOR UPDATE SKIP LOCKED
"""
_WITH_DETAILS = text(_ENDED_AND_NOT_NEEDED.replace("WHICH", "run.details_removed_at IS NULL"))
_SUMMARIES = text(
    _ENDED_AND_NOT_NEEDED.replace("WHICH", "run.details_removed_at IS NOT NULL AND run.parent_run_id IS NULL")
)
_FAMILY = text("""
WITH RECURSIVE family AS (
  SELECT id FROM flow_run WHERE id = ANY(CAST(:ids AS uuid[]))
  UNION SELECT child.id FROM flow_run AS child JOIN family ON child.parent_run_id = family.id
)
SELECT id FROM family
""")
_DROP_EVENTS = text("DELETE FROM flow_run_event WHERE run_id = ANY(CAST(:ids AS uuid[]))")
_DROP_USES = text("""
DELETE FROM flow_run_blob AS used
WHERE used.run_id = ANY(CAST(:ids AS uuid[])) AND NOT EXISTS (
  SELECT FROM unnest(CAST(:kept_runs AS uuid[]), CAST(:kept_hashes AS text[])) AS kept(run_id, sha256)
  WHERE kept.run_id = used.run_id AND kept.sha256 = used.sha256
)
RETURNING used.workspace_id, used.sha256
""")
# Whoever is about to use a value again holds its row: it is passed over. Once it is held here, a new use waits, finds
# it gone and stores it anew.
_HOLD_BLOBS = text("""
SELECT blob.workspace_id, blob.sha256 FROM blob
JOIN unnest(CAST(:workspaces AS uuid[]), CAST(:hashes AS text[])) AS item(workspace_id, sha256)
  USING (workspace_id, sha256)
FOR UPDATE OF blob SKIP LOCKED
""")
_DROP_BLOBS = text("""
DELETE FROM blob
USING unnest(CAST(:workspaces AS uuid[]), CAST(:hashes AS text[])) AS item(workspace_id, sha256)
WHERE blob.workspace_id = item.workspace_id AND blob.sha256 = item.sha256 AND NOT EXISTS (
  SELECT FROM flow_run_blob AS used
  WHERE used.workspace_id = blob.workspace_id AND used.sha256 = blob.sha256
)
""")
_MARK = text("UPDATE flow_run SET details_removed_at = :at WHERE id = ANY(CAST(:ids AS uuid[]))")
_DROP_RUNS = text("DELETE FROM flow_run WHERE id = ANY(CAST(:ids AS uuid[]))")


async def alone(session: AsyncSession) -> bool:
    """Whether this process may tidy up until its transaction ends."""
    return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _LOCK}))


async def remove_details(session: AsyncSession, before: datetime, at: datetime, limit: int = 100) -> int:
    """Remove the journals of some runs that ended `before`, oldest first. Their rows stay. Returns how many."""
    found = list(await session.execute(_WITH_DETAILS, {"before": before, "limit": limit}))
    sums = accumulate(row.seq for row in found)
    runs = [row for row, events in zip(found, sums, strict=True) if events <= MOST_EVENTS] or found[:1]
    if not runs:
        return 0
    ids = [row.id for row in runs]
    kept = [
        (row.id, sha256) for row in runs for places in (row.blobs or {}).values() for sha256 in hashes(places)
    ]
    await session.execute(_DROP_EVENTS, {"ids": ids})
    await _drop_uses(session, ids, kept)
    await session.execute(_MARK, {"ids": ids, "at": at})
    return len(ids)


async def remove_summaries(session: AsyncSession, before: datetime, limit: int = 100) -> int:
    """Remove some runs that ended `before`, with the runs they called. Returns how many."""
    roots = list(await session.scalars(_SUMMARIES, {"before": before, "limit": limit}))
    if not roots:
        return 0
    ids = list(await session.scalars(_FAMILY, {"ids": roots}))
    await _drop_uses(session, ids, ())
    await session.execute(_DROP_RUNS, {"ids": ids})
    return len(roots)


async def _drop_uses(session: AsyncSession, ids: Sequence[UUID], kept: Sequence[tuple[UUID, str]]) -> None:
    """These runs use no large values any more but for the kept ones. What nobody uses then is deleted."""
    values = {"ids": ids, "kept_runs": [run for run, _ in kept], "kept_hashes": [each for _, each in kept]}
    freed = {(row.workspace_id, row.sha256) for row in await session.execute(_DROP_USES, values)}
    if freed:
        held = [tuple(row) for row in await session.execute(_HOLD_BLOBS, _pairs(sorted(freed)))]
        await session.execute(_DROP_BLOBS, _pairs(held))


def _pairs(blobs: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {"workspaces": [each[0] for each in blobs], "hashes": [each[1] for each in blobs]}
