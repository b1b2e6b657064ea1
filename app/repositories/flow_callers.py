"""Documents of a workspace that may call a flow: drafts, published versions, and what unended runs pin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import col

from app.models.flow_runs import FlowRun, RunStatus
from app.models.flows import Flow, FlowSnapshot, FlowVersion
from app.repositories.base import WorkspaceRepository

_GOING_ON = (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING)


@dataclass(frozen=True, slots=True)
class CallerDocument:
    """`runs` counts those under way that pin it, where `kind` is `runs`."""

    kind: Literal["draft", "version", "runs"]
    flow_id: UUID | None
    name: str
    version: int | None
    runs: int
    document: str
    semantic_hash: str


class FlowCallers(WorkspaceRepository[Flow]):
    """Documents that name a flow. Which of them call it, and how, is to be read in them."""

    model = Flow

    async def drafts(self, flow_id: UUID) -> Sequence[CallerDocument]:
        query = (
            self.rows()
            .where(col(Flow.deleted_at).is_(None), _names(Flow.document, flow_id))
            .order_by(col(Flow.name))
        )
        return [
            CallerDocument("draft", row.id, row.name, None, 0, row.document, row.semantic_hash)
            for row in await self.session.scalars(query)
        ]

    async def published(self, flow_id: UUID) -> Sequence[CallerDocument]:
        """The newest version of each."""
        query = (
            select(
                col(Flow.id),
                col(Flow.name),
                col(FlowVersion.number),
                col(FlowVersion.document),
                col(FlowVersion.semantic_hash),
            )
            .join(
                FlowVersion,
                (col(FlowVersion.flow_id) == col(Flow.id))
                & (col(FlowVersion.number) == col(Flow.published_version)),
            )
            .where(
                col(Flow.workspace_id) == self.workspace_id,
                col(Flow.deleted_at).is_(None),
                _names(FlowVersion.document, flow_id),
            )
            .order_by(col(Flow.name))
        )
        return [
            CallerDocument("version", row[0], row[1], row[2], 0, row[3], row[4])
            for row in await self.session.execute(query)
        ]

    async def under_way(self, flow_id: UUID) -> Sequence[CallerDocument]:
        """What runs pin that have not ended, with how many they are."""
        query = (
            select(
                col(FlowRun.flow_id),
                func.coalesce(col(Flow.name), ""),
                col(FlowRun.version),
                func.count(),
                col(FlowSnapshot.document),
                col(FlowSnapshot.hash),
            )
            .join(FlowSnapshot, col(FlowSnapshot.hash) == col(FlowRun.snapshot_hash))
            .outerjoin(Flow, col(Flow.id) == col(FlowRun.flow_id))
            .where(
                col(FlowRun.workspace_id) == self.workspace_id,
                col(FlowRun.status).in_(_GOING_ON),
                _names(FlowSnapshot.document, flow_id),
            )
            .group_by(col(FlowRun.flow_id), col(Flow.name), col(FlowRun.version), col(FlowSnapshot.hash))
            .order_by(col(Flow.name), col(FlowRun.version))
        )
        return [
            CallerDocument("runs", row[0], row[1], row[2], row[3], row[4], row[5])
            for row in await self.session.execute(query)
        ]

    async def waiting(self, flow_id: UUID) -> Sequence[tuple[int | None, int]]:
        """How many runs of the flow wait in which version; None is the draft."""
        query = (
            select(col(FlowRun.version), func.count())
            .where(
                col(FlowRun.workspace_id) == self.workspace_id,
                col(FlowRun.flow_id) == flow_id,
                col(FlowRun.status) == RunStatus.WAITING,
            )
            .group_by(col(FlowRun.version))
            .order_by(col(FlowRun.version))
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]


def _names(document: str, flow_id: UUID) -> ColumnElement[bool]:
    """Whether a document has the flow's id in it, in any way an id may be written."""
    return or_(*[col(document).ilike(f"%{written}%") for written in (str(flow_id), flow_id.hex)])
