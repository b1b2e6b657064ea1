"""Who drives which run: claims, heartbeats, releases, and what the sweeper looks for. Times are the database's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.db import unit_of_work
from app.core.statements import at_once
from app.models.conversations import Conversation
from app.models.flow_runs import RunStatus
from app.models.flows import FlowSnapshot
from app.repositories import blobs, waits

_SWEEP_LOCK = 4_018_255_702
# A claim need not reach the disk: one that a crash of the database takes back fences its driver at the next append.
# A workspace that has as many runs under way as it may has the rest parked. What began goes on, and what is to be
# cancelled is driven to its end. To a bare `status IN (…)` of the wanted runs the planner would take an index of active
# ones, which is full of dead entries; and it needs the ids twice where it knows an empty table.
_CLAIM = text("""
WITH asked AS (
  SELECT run.id, run.workspace_id, item.owner,
    run.seq > 0 OR run.cancel_requested OR run.status = 'running' AS free,
    row_number() OVER (PARTITION BY run.workspace_id ORDER BY run.seq = 0, run.id) AS place
  FROM unnest(CAST(:ids AS uuid[]), CAST(:owners AS text[])) AS item(id, owner)
  JOIN flow_run AS run ON run.id = item.id,
  (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
  WHERE run.id = ANY(CAST(:ids AS uuid[])) AND run.status || '' IN ('queued', 'running')
    AND (run.lease_until IS NULL OR run.lease_until < clock_timestamp())
    AND (run.hold_until IS NULL OR run.hold_until <= clock_timestamp())
    AND NOT EXISTS (
      SELECT FROM flow_run AS earlier
      WHERE earlier.conversation_id = run.conversation_id AND earlier.place < run.place
        AND earlier.status IN ('queued', 'running', 'waiting')
    )
), busy AS (
  SELECT workspace_id, (
    SELECT count(*) FROM (
      SELECT FROM flow_run AS other WHERE other.workspace_id = own.workspace_id AND other.status = 'running'
      LIMIT :limit
    ) AS running
  ) AS runs
  FROM (SELECT DISTINCT workspace_id FROM asked) AS own
), judged AS (
  SELECT asked.id, asked.owner, asked.free OR asked.place + busy.runs <= :limit AS granted
  FROM asked JOIN busy USING (workspace_id)
), parked AS (
  UPDATE flow_run SET parked = true FROM judged WHERE judged.id = flow_run.id AND NOT judged.granted
)
UPDATE flow_run AS run SET
  status = 'running', lease_owner = judged.owner, attempts = run.attempts + 1, parked = false,
  lease_until = clock_timestamp() + make_interval(secs => :lease_s),
  started_at = coalesce(run.started_at, clock_timestamp())
FROM judged
WHERE run.id = judged.id AND run.id = ANY(CAST(:ids AS uuid[]))
  AND judged.granted AND run.status || '' IN ('queued', 'running')
  AND (run.lease_until IS NULL OR run.lease_until < clock_timestamp())
RETURNING run.id, run.workspace_id, run.flow_id, run.snapshot_hash, run.trigger, run.input, run.scope,
  run.options, run.conversation_id, run.depth, run.simulate, run.cancel_requested, run.attempts, run.seq,
  run.parent_run_id, run.started_at, run.messages, run.lease_owner, run.version, clock_timestamp() AS claimed_at,
  run.blobs, run.usage
""")
# As many parked runs as these workspaces have room for, the oldest first.
_UNPARK = text("""
UPDATE flow_run SET parked = false, rung_at = clock_timestamp()
WHERE id IN (
  SELECT next.id
  FROM (SELECT DISTINCT workspace_id FROM flow_run WHERE parked) AS own,
  LATERAL (
    SELECT count(*) AS runs FROM (
      SELECT FROM flow_run AS other WHERE other.workspace_id = own.workspace_id AND other.status = 'running'
      LIMIT :limit
    ) AS running
  ) AS busy,
  LATERAL (
    SELECT id FROM flow_run AS waiting WHERE waiting.workspace_id = own.workspace_id AND waiting.parked
    ORDER BY id LIMIT :limit - busy.runs FOR UPDATE SKIP LOCKED
  ) AS next
)
RETURNING id
""")
_NEXT_PARKED = text("""
UPDATE flow_run SET parked = false, rung_at = clock_timestamp()
WHERE id IN (
  SELECT next.id
  FROM unnest(CAST(:workspaces AS uuid[]), CAST(:counts AS int[])) AS own(workspace_id, count),
  LATERAL (
    SELECT id FROM flow_run AS waiting WHERE waiting.workspace_id = own.workspace_id AND waiting.parked
    ORDER BY id LIMIT own.count FOR UPDATE SKIP LOCKED
  ) AS next
)
RETURNING id
""")
_BEAT = text("""
UPDATE flow_run AS run SET lease_until = clock_timestamp() + make_interval(secs => :lease_s)
FROM unnest(CAST(:ids AS uuid[]), CAST(:owners AS text[])) AS item(id, owner)
WHERE run.id = item.id AND run.lease_owner = item.owner AND run.status = 'running'
RETURNING run.id, run.cancel_requested
""")
_RELEASE = text("""
UPDATE flow_run SET status = :status, lease_until = NULL, rung_at = clock_timestamp(),
  attempts = CASE WHEN :progress THEN 0 ELSE greatest(attempts - 1, 0) END
WHERE id = :id AND lease_owner = :owner AND status = 'running'
RETURNING cancel_requested, EXISTS (
  SELECT FROM flow_run AS other WHERE other.workspace_id = flow_run.workspace_id AND other.parked
) AS crowded
""")
_OVERDUE = text("""
UPDATE flow_run SET rung_at = clock_timestamp()
WHERE id IN (
  SELECT id FROM flow_run
  WHERE status IN ('queued', 'running') AND NOT parked
    AND (rung_at < clock_timestamp() - make_interval(secs => :patience_s)
      OR rung_at > clock_timestamp() + make_interval(secs => :patience_s))  -- rung by a clock that runs ahead
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (hold_until IS NULL OR hold_until <= clock_timestamp())
  ORDER BY rung_at LIMIT :limit
)
RETURNING id
""")
_RELEASED_FROM_HOLD = text("""
UPDATE flow_run SET hold_until = NULL, rung_at = clock_timestamp()
WHERE hold_until <= clock_timestamp() RETURNING id
""")
_AT_REST = text("""
SELECT run.ended_at IS NOT NULL OR (run.status = 'waiting' AND EXISTS (
  SELECT FROM flow_wait AS wait
  WHERE wait.run_id = run.id AND wait.kind NOT IN ('subflow', 'spread', 'container') AND NOT wait.closed
    AND NOT wait.detached
    AND wait.resolved_at IS NULL
))
FROM flow_run AS run WHERE run.id = :id
""")
_UNSETTLED = text("""
SELECT id FROM flow_run WHERE NOT settled AND ended_at < clock_timestamp() - interval '1 second'
ORDER BY ended_at LIMIT :limit
""")
_SETTLE = text("""
UPDATE flow_run SET settled = true WHERE id = :id AND ended_at IS NOT NULL
RETURNING parent_run_id, conversation_id
""")
_WAKE = text("""
UPDATE flow_run SET rung_at = clock_timestamp(),
  status = CASE WHEN status = 'waiting' THEN 'queued' ELSE status END
WHERE id = :id
RETURNING status
""")
_NEXT_IN_CONVERSATION = text("""
SELECT id FROM flow_run WHERE conversation_id = :id AND status = 'queued' ORDER BY place LIMIT 1
""")
_CANCEL = text("""
WITH RECURSIVE family AS (
  SELECT id FROM flow_run WHERE id = :id AND workspace_id = :workspace_id
  UNION SELECT child.id FROM flow_run AS child JOIN family ON child.parent_run_id = family.id
)
UPDATE flow_run AS run SET cancel_requested = true, rung_at = clock_timestamp(),
  status = CASE WHEN run.status = 'waiting' THEN 'queued' ELSE run.status END
FROM family WHERE run.id = family.id AND run.ended_at IS NULL
RETURNING run.id
""")

_CANCEL_PARTS = text("""
WITH RECURSIVE family AS (
  SELECT id FROM flow_run
  WHERE parent_run_id = :id AND source = 'part'
    AND (CAST(:node AS text) IS NULL OR (parent_node = :node AND parent_path = :path))
  UNION SELECT child.id FROM flow_run AS child JOIN family ON child.parent_run_id = family.id
)
UPDATE flow_run AS run SET cancel_requested = true, rung_at = clock_timestamp(),
  status = CASE WHEN run.status = 'waiting' THEN 'queued' ELSE run.status END
FROM family WHERE run.id = family.id AND run.ended_at IS NULL
RETURNING run.id
""")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run this process may drive until its lease ends. `attempts` counts this one, `usage` is what came late."""

    id: UUID
    workspace_id: UUID
    flow_id: UUID | None
    snapshot_hash: str
    trigger: str
    input: Any
    scope: dict[str, Any]
    options: dict[str, Any]
    conversation_id: UUID | None
    depth: int
    simulate: bool
    cancel_requested: bool
    attempts: int
    seq: int
    parent_run_id: UUID | None
    started_at: datetime
    messages: list[Any]
    lease_owner: str
    version: int | None
    claimed_at: datetime
    blobs: dict[str, Any] | None
    usage: dict[str, Any] | None


async def claim(wanted: Sequence[tuple[UUID, str]], lease_s: float, limit: int) -> dict[UUID, Claimed]:
    """Take the runs nobody drives, in a transaction of its own. Pairs of run and lease owner; an owner name must be
    new each time. A workspace has at most `limit` runs under way; what is more is parked.
    """
    values = {
        "ids": [run for run, _ in wanted],
        "owners": [owner for _, owner in wanted],
        "lease_s": lease_s,
        "limit": limit,
    }
    found = [Claimed(*row) for row in await at_once(_CLAIM, values)]
    if any(run.blobs for run in found):
        async with unit_of_work() as session:
            found = [await _whole(session, run) if run.blobs else run for run in found]
    return {run.id: run for run in found}


async def _whole(session: AsyncSession, run: Claimed) -> Claimed:
    """The run with the large values it is driven with."""
    columns = {name: getattr(run, name) for name in ("input", "scope", "options", "messages")}
    [values] = await blobs.filled(session, [(run.id, run.blobs or {}, columns)])
    return replace(run, **values)


async def next_parked(room: Mapping[UUID, int]) -> list[UUID]:
    """So many parked runs of each workspace may begin now. Returns them, to be rung for."""
    values = {"workspaces": list(room), "counts": list(room.values())}
    return [row.id for row in await at_once(_NEXT_PARKED, values)]


async def beat(session: AsyncSession, held: Sequence[tuple[UUID, str]], lease_s: float) -> dict[UUID, bool]:
    """Prolong leases. Runs missing from the answer are lost; the value says whether someone wants to cancel."""
    result = await session.execute(
        _BEAT, {"ids": [run for run, _ in held], "owners": [owner for _, owner in held], "lease_s": lease_s}
    )
    return {row.id: row.cancel_requested for row in result}


@dataclass(frozen=True, slots=True)
class Released:
    """`wanted`: someone wants to cancel the run. `crowded`: a parked run of its workspace may begin instead."""

    wanted: bool
    crowded: bool


async def release(session: AsyncSession, run: Claimed, *, waiting: bool) -> Released:
    """Give a run back: it waits for something, or this process stops."""
    status = RunStatus.WAITING if waiting else RunStatus.QUEUED
    values = {"id": run.id, "owner": run.lease_owner, "status": str(status), "progress": waiting}
    row = (await session.execute(_RELEASE, values)).first()
    return Released(bool(row and row.cancel_requested), bool(row and row.crowded))


async def settle(session: AsyncSession, run_id: UUID) -> list[UUID]:
    """Let those go on who waited for this run's end. Returns the runs to ring.

    Updating the parent by its id alone waits for a driver that is just about to release it, so no wake is lost.
    """
    row = (await session.execute(_SETTLE, {"id": run_id})).first()
    ring: list[UUID] = []
    if row is not None and row.parent_run_id:
        ring += await waits.child_ended(session, run_id)
    if row is not None and row.conversation_id:
        waiting = await session.scalar(_NEXT_IN_CONVERSATION, {"id": row.conversation_id})
        ring += [waiting] if waiting else []
    return ring


async def wake(session: AsyncSession, run_id: UUID) -> None:
    await session.execute(_WAKE, {"id": run_id})


async def sweep(
    session: AsyncSession, patience_s: float, workspace_runs: int, limit: int = 500
) -> tuple[list[UUID], list[UUID]] | None:
    """Runs to ring and ended runs to settle; None while another process sweeps. What is parked although its workspace
    has room (a crash or a race left it behind) is among the first.
    """
    if not await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": _SWEEP_LOCK}):
        return None
    overdue = await session.scalars(_OVERDUE, {"patience_s": patience_s, "limit": limit})
    unsettled = await session.scalars(_UNSETTLED, {"limit": limit})
    unparked = await session.scalars(_UNPARK, {"limit": workspace_runs})
    return [*overdue, *unparked], list(unsettled)


async def held_back(session: AsyncSession) -> list[UUID]:
    """Runs whose burst is over, to be rung for."""
    return list(await session.scalars(_RELEASED_FROM_HOLD))


async def request_cancel(session: AsyncSession, workspace_id: UUID, run_id: UUID) -> list[UUID]:
    """Ask a run and its sub-runs to stop. Returns those that had not ended."""
    return list(await session.scalars(_CANCEL, {"id": run_id, "workspace_id": workspace_id}))


async def cancel_parts(
    session: AsyncSession, run_id: UUID, node: str | None = None, path: str = ""
) -> list[UUID]:
    """Ask the parts of a run's spread maps (or of one of them) to stop. Returns those that had not ended."""
    return list(await session.scalars(_CANCEL_PARTS, {"id": run_id, "node": node, "path": path}))


async def at_rest(session: AsyncSession, run_id: UUID) -> bool:
    """Whether the run has ended, or waits for more than the runs it called."""
    return bool(await session.scalar(_AT_REST, {"id": run_id}))


async def snapshot(session: AsyncSession, semantic_hash: str) -> str | None:
    """The document a run pins."""
    return await session.scalar(
        select(col(FlowSnapshot.document)).where(col(FlowSnapshot.hash) == semantic_hash)
    )


async def conversation_state(session: AsyncSession, conversation_id: UUID) -> tuple[str, dict[str, Any]]:
    """The session id a client knows and the variables remembered."""
    row = (
        await session.execute(
            select(col(Conversation.session_id), col(Conversation.state)).where(
                col(Conversation.id) == conversation_id
            )
        )
    ).one()
    return row.session_id, row.state
