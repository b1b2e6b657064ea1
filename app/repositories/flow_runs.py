"""Runs of a workspace, the documents they pin, and what can be run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Text, bindparam, cast, exists, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlmodel import col

from app.core.db import after_commit
from app.core.ids import WorkspaceId
from app.core.settings import get_settings
from app.errors import NotFound
from app.models.flow_runs import IS_DEAD, FlowRun
from app.models.flows import Flow, FlowSnapshot, FlowVersion
from app.repositories import blobs
from app.repositories.base import WorkspaceRepository, row_values, table_of


class FlowRuns(WorkspaceRepository[FlowRun]):
    model = FlowRun
    missing = "run.not_found"

    async def latest(self, flow_id: UUID, limit: int = 50) -> Sequence[FlowRun]:
        """Newest first."""
        query = self.rows().where(col(FlowRun.flow_id) == flow_id).order_by(col(FlowRun.id).desc())
        rows = (await self.session.scalars(query.limit(limit))).all()
        await blobs.fill(self.session, rows)
        return rows

    async def find(self, row_id: UUID) -> FlowRun | None:
        """The run, its values whole."""
        row = await super().find(row_id)
        if row is not None and row.blobs:
            await blobs.fill(self.session, [row])
        return row

    async def refresh(self, row: FlowRun) -> None:
        """Read the run anew."""
        await self.session.refresh(row)
        await blobs.fill(self.session, [row])

    async def search(
        self,
        *,
        status: str | None = None,
        dead: bool = False,
        flow_id: UUID | None = None,
        words: str = "",
        before: UUID | None = None,
        limit: int = 50,
    ) -> list[tuple[FlowRun, str]]:
        """Runs that people started or events did, with the names of their flows, newest first.

        `words` are sought in the newest runs only: names, ids, inputs, errors.
        """
        query = (
            select(FlowRun, func.coalesce(col(Flow.name), ""))
            .outerjoin(Flow, col(Flow.id) == col(FlowRun.flow_id))
            .where(col(FlowRun.workspace_id) == self.workspace_id, col(FlowRun.parent_run_id).is_(None))
        )
        if status:
            query = query.where(col(FlowRun.status) == status)
        if dead:
            query = query.where(text(IS_DEAD))
        if flow_id:
            query = query.where(col(FlowRun.flow_id) == flow_id)
        if before:
            moment = select(col(FlowRun.created_at)).where(col(FlowRun.id) == before).scalar_subquery()
            older = tuple_(col(FlowRun.created_at), col(FlowRun.id)) < tuple_(moment, before)
            query = query.where(older)
        if words:
            newest = (
                select(col(FlowRun.id))
                .where(col(FlowRun.workspace_id) == self.workspace_id)
                .order_by(col(FlowRun.created_at).desc())
                .limit(_SEARCHED)
            )
            pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            said = [
                cast(col(FlowRun.id), Text),
                col(Flow.name),
                cast(col(FlowRun.input), Text),
                cast(col(FlowRun.error), Text),
            ]
            query = query.where(col(FlowRun.id).in_(newest), or_(*[each.ilike(pattern) for each in said]))
        query = query.order_by(col(FlowRun.created_at).desc(), col(FlowRun.id).desc()).limit(limit)
        return [(row[0], row[1]) for row in await self.session.execute(query)]


_SEARCHED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Runnable:
    """A document that can be run. `version` is None for a draft."""

    flow_id: UUID | None
    document: str
    semantic_hash: str
    version: int | None


class RunnableFlows(WorkspaceRepository[Flow]):
    """What a workspace can run: drafts and published versions."""

    model = Flow
    missing = "flow.not_found"

    async def pinned_hash(self, flow_id: UUID, *, draft: bool) -> tuple[str, int | None]:
        """The hash of what would be run and its version, without the document. Raises `NotFound`."""
        query = (
            select(col(Flow.semantic_hash), col(Flow.published_version), col(FlowVersion.semantic_hash))
            .outerjoin(
                FlowVersion,
                (col(FlowVersion.flow_id) == col(Flow.id))
                & (col(FlowVersion.number) == col(Flow.published_version)),
            )
            .where(
                col(Flow.workspace_id) == self.workspace_id,
                col(Flow.id) == flow_id,
                col(Flow.deleted_at).is_(None),
            )
        )
        row = (await self.session.execute(query)).first()
        if row is None:
            raise NotFound(self.missing, id=str(flow_id))
        if draft or row[1] is None:
            return row[0], None
        return row[2], row[1]

    async def draft(self, flow_id: UUID) -> Runnable:
        """The flow as it stands in the editor. Raises `NotFound`."""
        row = await self._flow(flow_id)
        return Runnable(flow_id, row.document, row.semantic_hash, None)

    async def published_or_draft(self, flow_id: UUID) -> Runnable:
        row = await self._flow(flow_id)
        if row.published_version is None:
            return Runnable(flow_id, row.document, row.semantic_hash, None)
        return await self.version(flow_id, row.published_version)

    async def version(self, flow_id: UUID, number: int) -> Runnable:
        """One published version. Raises `NotFound`."""
        query = select(FlowVersion).where(
            col(FlowVersion.workspace_id) == self.workspace_id,
            col(FlowVersion.flow_id) == flow_id,
            col(FlowVersion.number) == number,
        )
        row = await self.session.scalar(query)
        if row is None:
            raise NotFound("flow.version_not_found", id=str(flow_id), version=number)
        return Runnable(flow_id, row.document, row.semantic_hash, number)

    async def published(self) -> Sequence[Flow]:
        """Every flow with a published version, by name."""
        query = self.rows().where(col(Flow.deleted_at).is_(None), col(Flow.published_version).is_not(None))
        return (await self.session.scalars(query.order_by(col(Flow.name)))).all()

    async def _flow(self, flow_id: UUID) -> Flow:
        row = await self.session.scalar(
            self.rows().where(col(Flow.id) == flow_id, col(Flow.deleted_at).is_(None))
        )
        if row is None:
            raise NotFound(self.missing, id=str(flow_id))
        return row


_pinned: set[tuple[str, str]] = set()
_PINNED_LIMIT = 10_000


async def pin(session: AsyncSession, semantic_hash: str, document: str) -> None:
    """Keep the document of a hash for the runs that will need it. Snapshots stay, so once a process is enough."""
    if is_pinned(semantic_hash):
        return
    after_commit(session, partial(_remember, semantic_hash))
    await session.execute(
        insert(FlowSnapshot).values(hash=semantic_hash, document=document).on_conflict_do_nothing()
    )


def is_pinned(semantic_hash: str) -> bool:
    """Whether this process knows that the document is kept."""
    return (get_settings().database_url, semantic_hash) in _pinned


def remember_pinned(semantic_hash: str) -> None:
    """The document is kept."""
    if len(_pinned) > _PINNED_LIMIT:
        _pinned.clear()
    _pinned.add((get_settings().database_url, semantic_hash))


async def _remember(semantic_hash: str) -> None:
    remember_pinned(semantic_hash)


# Statements made once: to put one together costs more than to send it. A run whose workspace has parked ones takes
# its place behind them.
_OTHER = aliased(FlowRun)
_INSERT_RUN = (
    insert(table_of(FlowRun))
    .values(parked=exists().where(col(_OTHER.workspace_id) == bindparam("crowd"), col(_OTHER.parked)))
    .on_conflict_do_nothing()
    .returning(table_of(FlowRun).c.parked)
)


async def insert_once(session: AsyncSession, row: FlowRun) -> bool:
    """Store a run whose id follows from its parent's step; a repeat changes nothing. Returns whether to ring for it."""
    values = row_values(row)
    for given in ("parked", "place"):  # by the database
        values.pop(given, None)
    beside = blobs.beside_new_row(values)
    parked = await session.scalar(_INSERT_RUN, values | {"crowd": row.workspace_id})
    if beside:
        await beside.store(session, [row.id])
    return not parked


_ANSWER = text("""
SELECT run.status, run.messages, run.output, run.usage, run.error, run.ended_at, run.blobs, (
  SELECT coalesce(json_agg(json_build_array(
    event.event->>'type', event.event->>'node', event.event->'usage', event.event->'wait'->>'kind'
  ) ORDER BY event.seq), '[]')
  FROM flow_run_event AS event
  WHERE event.run_id = run.id AND event.event->>'type' IN ('step.succeeded', 'step.waiting')
) AS steps
FROM flow_run AS run WHERE run.id = :id AND run.workspace_id = :workspace_id
""")


@dataclass(frozen=True, slots=True)
class Answered:
    """What a chat is told of a run. `steps` are (type of event, node, usage, kind of wait), in order."""

    status: str
    messages: list[dict[str, Any]]
    output: Any
    usage: dict[str, Any] | None
    error: Any
    ended_at: datetime | None
    steps: list[tuple[str, str, dict[str, Any] | None, str | None]]


async def answered(session: AsyncSession, workspace_id: WorkspaceId, run_id: UUID) -> Answered:
    """One look for what would be two rows and a journal. Raises `NotFound`."""
    row = (await session.execute(_ANSWER, {"id": run_id, "workspace_id": workspace_id})).first()
    if row is None:
        raise NotFound(FlowRuns.missing, id=str(run_id))
    values = row._asdict()
    places = values.pop("blobs")
    if places:
        await blobs.filled(session, [(run_id, places, values)])
    return Answered(**values)


@dataclass(frozen=True, slots=True)
class Triggered:
    """The flow an event from outside addresses by its id alone: its newest version, or the draft before the first."""

    workspace_id: WorkspaceId
    document: str
    semantic_hash: str
    version: int | None


async def triggered(session: AsyncSession, flow_id: UUID) -> Triggered | None:
    """The flow's id is what its webhook address consists of, so no workspace is known yet."""
    row = await session.scalar(select(Flow).where(col(Flow.id) == flow_id, col(Flow.deleted_at).is_(None)))
    if row is None:
        return None
    runnable = await RunnableFlows(session, WorkspaceId(row.workspace_id)).published_or_draft(flow_id)
    return Triggered(
        WorkspaceId(row.workspace_id), runnable.document, runnable.semantic_hash, runnable.version
    )
