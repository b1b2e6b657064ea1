"""Waits of runs: what wakes them, who may answer, and the signals their drivers have yet to hear."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.clock import new_id, now
from app.core.ids import WorkspaceId
from app.models.conversations import Conversation
from app.models.flow_runs import FlowRun
from app.models.flow_waits import FlowSignal, FlowWait
from app.models.flows import Flow
from app.repositories import blobs
from app.repositories.base import WorkspaceRepository

SUBFLOW: Final = "subflow"
# The time limit of a container: nobody answers it, the clock does.
CONTAINER: Final = "container"
# A map waits for its parts.
SPREAD: Final = "spread"
# Waits that no person and no event ends.
FOR_RUNS: Final = frozenset({SUBFLOW, SPREAD, CONTAINER})
INBOX: Final = ("approval", "task", "takeover", "unknown")
# Signals in the order they came; a step hears one at a time.
_SIGNALS = text("""
SELECT DISTINCT ON (node, path) id, node, path, value FROM flow_signal WHERE run_id = :run_id
ORDER BY node, path, created_at, id
""")
_DUE = text("""
WITH due AS (
  UPDATE flow_wait SET resolved_at = clock_timestamp(), resolution = 'timeout'
  WHERE id IN (
    SELECT id FROM flow_wait
    WHERE resolved_at IS NULL AND NOT closed AND NOT detached AND due_at <= clock_timestamp()
    ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED
  )
  RETURNING id, run_id, node, path
), told AS (
  INSERT INTO flow_signal (id, created_at, run_id, node, path, value)
  SELECT gen_random_uuid(), clock_timestamp(), run_id, node, path, '{"kind": "due"}' FROM due
)
SELECT DISTINCT run_id FROM due
""")
_WAKE = text("""
UPDATE flow_run SET rung_at = clock_timestamp(),
  status = CASE WHEN status = 'waiting' THEN 'queued' ELSE status END
WHERE id = ANY(CAST(:ids AS uuid[])) AND ended_at IS NULL
RETURNING id
""")
_CHILD_ENDED = text("""
INSERT INTO flow_signal (id, created_at, run_id, node, path, value)
SELECT child.id, clock_timestamp(), child.parent_run_id, child.parent_node, child.parent_path,
  json_build_object('kind', 'ended', 'id', child.id, 'status', child.status, 'output', child.output,
    'error', child.error, 'usage', child.usage, 'blobs', child.blobs->'output')
FROM flow_run AS child
WHERE child.id = :id AND child.source != 'part' AND EXISTS (
  SELECT FROM flow_wait AS wait
  WHERE wait.run_id = child.parent_run_id AND wait.node = child.parent_node AND wait.path = child.parent_path
    AND NOT wait.closed AND wait.resolved_at IS NULL
)
ON CONFLICT DO NOTHING
RETURNING run_id
""")
# The end of a map's parts is one signal: when the last has ended, or one did not succeed.
_PARTS_ENDED = text("""
INSERT INTO flow_signal (id, created_at, run_id, node, path, value)
SELECT wait.id, clock_timestamp(), wait.run_id, wait.node, wait.path, '{"kind": "ended"}'
FROM flow_run AS part JOIN flow_wait AS wait
  ON wait.run_id = part.parent_run_id AND wait.node = part.parent_node AND wait.path = part.parent_path
WHERE part.id = :id AND part.source = 'part' AND wait.kind = 'spread' AND NOT wait.closed
  AND wait.resolved_at IS NULL AND (part.status != 'succeeded' OR NOT EXISTS (
    SELECT FROM flow_run AS other
    WHERE other.parent_run_id = part.parent_run_id AND other.source = 'part' AND other.ended_at IS NULL
      AND other.parent_node = part.parent_node AND other.parent_path = part.parent_path
  ))
ON CONFLICT DO NOTHING
RETURNING run_id
""")
_DELIVER = text("""
INSERT INTO flow_signal (id, created_at, run_id, node, path, value)
SELECT gen_random_uuid(), clock_timestamp(), wait.run_id, wait.node, wait.path, CAST(:value AS json)
FROM flow_wait AS wait
WHERE wait.keys && CAST(:keys AS text[]) AND NOT wait.closed AND wait.resolved_at IS NULL
  AND wait.workspace_id = :workspace_id
RETURNING run_id
""")
_CLOSE = text("""
UPDATE flow_wait AS wait SET closed = true
FROM unnest(CAST(:nodes AS text[]), CAST(:paths AS text[])) AS step(node, path)
WHERE wait.run_id = :run_id AND wait.node = step.node AND wait.path = step.path AND NOT wait.closed
  AND NOT wait.detached
""")
_GIVE_UP = text("""
UPDATE flow_wait AS wait SET closed = true,
  resolution = CASE WHEN wait.resolved_at IS NULL THEN step.why ELSE wait.resolution END,
  resolved_by = CASE WHEN wait.resolved_at IS NULL THEN step.by ELSE wait.resolved_by END
FROM unnest(CAST(:nodes AS text[]), CAST(:paths AS text[]), CAST(:whys AS text[]), CAST(:bys AS text[]))
  AS step(node, path, why, by)
WHERE wait.run_id = :run_id AND wait.node = step.node AND wait.path = step.path AND NOT wait.closed
  AND NOT wait.detached
""")
_DROP_SIGNALS = text("""
DELETE FROM flow_signal AS signal
USING unnest(CAST(:nodes AS text[]), CAST(:paths AS text[])) AS step(node, path)
WHERE signal.run_id = :run_id AND signal.node = step.node AND signal.path = step.path
""")
# A run that ended by itself in the meantime stays as it is.
_CANCEL_CALLEES = text("""
WITH RECURSIVE family AS (
  SELECT id FROM flow_run WHERE id = ANY(CAST(:ids AS uuid[]))
  UNION SELECT child.id FROM flow_run AS child JOIN family ON child.parent_run_id = family.id
)
UPDATE flow_run AS run SET cancel_requested = true, rung_at = clock_timestamp(),
  status = CASE WHEN run.status = 'waiting' THEN 'queued' ELSE run.status END
FROM family WHERE run.id = family.id AND run.ended_at IS NULL
RETURNING run.id
""")
_CLOSE_ALL = text("UPDATE flow_wait SET closed = true WHERE run_id = :run_id AND NOT closed AND NOT detached")


@dataclass(frozen=True, slots=True)
class Heard:
    """The oldest signal of a step."""

    id: UUID
    node: str
    path: str
    value: dict[str, Any]


async def heard(session: AsyncSession, run_id: UUID) -> list[Heard]:
    """For each step the oldest signal it has yet to hear."""
    found = [Heard(*row) for row in await session.execute(_SIGNALS, {"run_id": run_id})]
    for signal in found:
        places = signal.value.pop("blobs", None)
        if places:
            await blobs.filled(session, [(UUID(signal.value["id"]), {"output": places}, signal.value)])
    return found


async def due(session: AsyncSession, limit: int = 500) -> list[UUID]:
    """End the waits whose time has come. Returns their runs, woken."""
    runs = list(await session.scalars(_DUE, {"limit": limit}))
    return await wake(session, runs)


async def wake(session: AsyncSession, run_ids: Sequence[UUID]) -> list[UUID]:
    """Let runs that wait be driven again. Returns those that have not ended, to be rung for."""
    if not run_ids:
        return []
    return list(await session.scalars(_WAKE, {"ids": sorted(set(run_ids))}))


async def child_ended(session: AsyncSession, run_id: UUID) -> list[UUID]:
    """Tell the step that waits for this run. Returns the parent, to be rung for."""
    told = list(await session.scalars(_CHILD_ENDED, {"id": run_id}))
    return await wake(session, told or list(await session.scalars(_PARTS_ENDED, {"id": run_id})))


async def deliver(
    session: AsyncSession, workspace_id: UUID, keys: Sequence[str], value: Mapping[str, Any]
) -> list[UUID]:
    """Tell an event to every step that listens. Returns their runs, woken."""
    values = {"workspace_id": workspace_id, "keys": list(keys), "value": orjson.dumps(dict(value)).decode()}
    return await wake(session, list(await session.scalars(_DELIVER, values)))


def keys_of(
    listens: Sequence[str], workspace_id: UUID, conversation_id: UUID | None, run_id: UUID
) -> list[str]:
    """What a wait listens to, as it is stored. A reply belongs to a conversation, or to the run alone."""
    return [
        reply_key(conversation_id, run_id) if source == "reply" else f"{source}:{workspace_id}"
        for source in listens
    ]


def reply_key(conversation_id: UUID | None, run_id: UUID) -> str:
    return f"reply:{conversation_id}" if conversation_id else f"reply:run:{run_id}"


def wait_id(run_id: UUID, node: str, path: str, round_: int) -> UUID:
    """The row of one wait; a repeat of the append is the same row."""
    return uuid5(run_id, f"wait:{node}:{path}:{round_}")


async def close(
    session: AsyncSession, run_id: UUID, steps: Sequence[tuple[str, str]], used: Sequence[UUID], ended: bool
) -> None:
    """The journal has what came of these steps: their waits are closed and what they heard is forgotten."""
    if used:
        await session.execute(FlowSignal.__table__.delete().where(col(FlowSignal.id).in_(used)))  # type: ignore[attr-defined]
    if ended:
        await session.execute(_CLOSE_ALL, {"run_id": run_id})
        await session.execute(text("DELETE FROM flow_signal WHERE run_id = :run_id"), {"run_id": run_id})
    elif steps:
        values = {
            "run_id": run_id,
            "nodes": [each[0] for each in steps],
            "paths": [each[1] for each in steps],
        }
        await session.execute(_CLOSE, values)


async def give_up(session: AsyncSession, run_id: UUID, over: Sequence[Mapping[str, str]]) -> None:
    """Close the waits of steps that the run no longer needs, and forget what they would have heard.

    `over` are the entries of the journal's events. Who answers late is told why, and by which step.
    """
    steps = {
        "run_id": run_id, "nodes": [each["node"] for each in over], "paths": [each["path"] for each in over]
    }  # fmt: skip
    why = {"whys": [each["why"] for each in over], "bys": [each["by"] for each in over]}
    await session.execute(_GIVE_UP, steps | why)
    await session.execute(_DROP_SIGNALS, steps)


async def cancel_callees(session: AsyncSession, run_ids: Sequence[UUID]) -> list[UUID]:
    """Ask called runs, and those they called, to stop. Returns those that had not ended."""
    return list(await session.scalars(_CANCEL_CALLEES, {"ids": list(run_ids)}))


async def open_waits(session: AsyncSession, rows: Sequence[FlowWait]) -> None:
    values = [row.model_dump() for row in rows]
    await session.execute(insert(FlowWait).values(values).on_conflict_do_nothing())


class FlowWaits(WorkspaceRepository[FlowWait]):
    """What people of a workspace are asked."""

    model = FlowWait
    missing = "approval.not_found"

    async def inbox(
        self, *, decided: bool, kinds: Sequence[str] = INBOX, limit: int = 200
    ) -> list[tuple[FlowWait, FlowRun, str]]:
        """Waits with their runs and the names of their flows, newest first: those still open, or those over."""
        over = col(FlowWait.resolved_at).is_not(None) | col(FlowWait.closed)
        query = (
            select(FlowWait, FlowRun, func.coalesce(col(Flow.name), ""))
            .join(FlowRun, col(FlowRun.id) == col(FlowWait.run_id))
            .outerjoin(Flow, col(Flow.id) == col(FlowRun.flow_id))
            .where(
                col(FlowWait.workspace_id) == self.workspace_id,
                col(FlowWait.kind).in_(kinds),
                over if decided else ~over,
            )
            .order_by(col(FlowWait.created_at).desc(), col(FlowWait.id).desc())
            .limit(limit)
        )
        return [(row[0], row[1], row[2]) for row in await self.session.execute(query)]

    async def flow_name(self, flow_id: UUID | None) -> str:
        """Empty for a run of a file that was never stored."""
        query = select(col(Flow.name)).where(
            col(Flow.workspace_id) == self.workspace_id, col(Flow.id) == flow_id
        )
        return await self.session.scalar(query) or ""

    async def locked(self, wait_id: UUID) -> FlowWait | None:
        """One wait, held until the end of the transaction: the first answer counts."""
        return await self.session.scalar(self.rows().where(col(FlowWait.id) == wait_id).with_for_update())

    async def of_run(self, run_id: UUID) -> list[FlowWait]:
        """The open waits of a run, oldest first."""
        query = self.rows().where(
            col(FlowWait.run_id) == run_id, ~col(FlowWait.closed), col(FlowWait.resolved_at).is_(None)
        )
        return list(await self.session.scalars(query.order_by(col(FlowWait.created_at))))

    async def listening(self, key: str) -> bool:
        """Whether a step waits for this event."""
        query = self.rows().where(
            col(FlowWait.keys).contains([key]), ~col(FlowWait.closed), col(FlowWait.resolved_at).is_(None)
        )
        return await self.session.scalar(query.limit(1)) is not None

    async def tell(self, row: FlowWait, value: Mapping[str, Any]) -> list[UUID]:
        """End a wait with a signal. Returns the run, to be rung for; nothing for a task nobody waits for."""
        if row.detached:
            return []
        self.session.add(
            FlowSignal(id=new_id(), run_id=row.run_id, node=row.node, path=row.path, value=dict(value))
        )
        await self.session.flush()
        return await wake(self.session, [row.run_id])


async def take_over(session: AsyncSession, conversation_id: UUID, by: str) -> None:
    """From now on a person leads the conversation."""
    await session.execute(
        Conversation.__table__.update()  # type: ignore[attr-defined]
        .where(col(Conversation.id) == conversation_id, col(Conversation.taken_over_at).is_(None))
        .values(taken_over_at=now(), taken_over_by=by)
    )


async def give_back(session: AsyncSession, conversation_id: UUID) -> None:
    await session.execute(
        Conversation.__table__.update()  # type: ignore[attr-defined]
        .where(col(Conversation.id) == conversation_id)
        .values(taken_over_at=None, taken_over_by="")
    )


async def opted_out(session: AsyncSession, conversation_id: UUID) -> datetime | None:
    return await session.scalar(
        select(col(Conversation.opted_out_at)).where(col(Conversation.id) == conversation_id)
    )


async def opt_out(session: AsyncSession, conversation_id: UUID) -> None:
    await session.execute(
        Conversation.__table__.update()  # type: ignore[attr-defined]
        .where(col(Conversation.id) == conversation_id, col(Conversation.opted_out_at).is_(None))
        .values(opted_out_at=now())
    )


async def conversation_of(session: AsyncSession, workspace_id: WorkspaceId, conversation_id: UUID) -> Any:
    """A conversation of the workspace; None where there is none."""
    return await session.scalar(
        select(Conversation).where(
            col(Conversation.id) == conversation_id, col(Conversation.workspace_id) == workspace_id
        )
    )
