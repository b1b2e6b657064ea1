"""Flows, their versions and edits of one workspace."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, func, inspect, or_, select
from sqlalchemy.orm import defer
from sqlmodel import col

from app.errors import NotFound
from app.models.flows import Flow, FlowEdit, FlowVersion
from app.repositories.base import WorkspaceRepository


class Flows(WorkspaceRepository[Flow]):
    """Flows that are not deleted, unless a method says otherwise."""

    model = Flow
    missing = "flow.not_found"

    def rows(self) -> Select[Flow]:
        return super().rows().where(col(Flow.deleted_at).is_(None))

    async def lock(self, flow_id: UUID) -> Flow:
        """The flow, locked until the transaction ends: edits of one flow take turns. Raises `NotFound`."""
        flow = await self.session.scalar(self.rows().where(col(Flow.id) == flow_id).with_for_update())
        if flow is None:
            raise NotFound(self.missing, id=str(flow_id))
        return flow

    async def deleted(self, flow_id: UUID) -> Flow:
        """The flow, deleted or not. Raises `NotFound`."""
        flow = await self.session.scalar(super().rows().where(col(Flow.id) == flow_id))
        if flow is None:
            raise NotFound(self.missing, id=str(flow_id))
        return flow

    async def page(
        self, *, search: str, kind: str | None, limit: int, offset: int
    ) -> tuple[Sequence[Flow], int]:
        """The latest edited first, without their documents, and how many there are in all."""
        mapped = inspect(Flow).attrs
        query = self.rows().options(
            defer(mapped["document"].class_attribute, raiseload=True),
            defer(mapped["source"].class_attribute, raiseload=True),
        )
        if kind:
            query = query.where(col(Flow.kind) == kind)
        for word in search.split()[:8]:
            pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            query = query.where(or_(col(Flow.name).ilike(pattern), col(Flow.description).ilike(pattern)))
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        page = query.order_by(col(Flow.updated_at).desc(), col(Flow.id)).limit(limit).offset(offset)
        return (await self.session.scalars(page)).all(), total or 0

    async def documents_with(self, words: str) -> list[tuple[UUID, str, str, str | None]]:
        """Id, name, document and published document of the flows in which these words stand, by name."""
        published = (col(FlowVersion.flow_id) == col(Flow.id)) & (
            col(FlowVersion.number) == col(Flow.published_version)
        )
        query = (
            select(col(Flow.id), col(Flow.name), col(Flow.document), col(FlowVersion.document))
            .outerjoin(FlowVersion, published)
            .where(
                col(Flow.workspace_id) == self.workspace_id,
                col(Flow.deleted_at).is_(None),
                col(Flow.document).contains(words, autoescape=True)
                | col(FlowVersion.document).contains(words, autoescape=True),
            )
            .order_by(col(Flow.name), col(Flow.id))
        )
        return [(row[0], row[1], row[2], row[3]) for row in await self.session.execute(query)]


class FlowEdits(WorkspaceRepository[FlowEdit]):
    model = FlowEdit

    async def known(self, flow_id: UUID, op_ids: Collection[str]) -> set[str]:
        """Which of these operations are stored already."""
        query = self.rows().where(col(FlowEdit.flow_id) == flow_id, col(FlowEdit.op_id).in_(op_ids))
        return {edit.op_id for edit in await self.session.scalars(query)}

    async def since(self, flow_id: UUID, revision: int, limit: int = 1_000) -> Sequence[FlowEdit]:
        """Edits after `revision`, in order."""
        query = self.rows().where(col(FlowEdit.flow_id) == flow_id, col(FlowEdit.revision) > revision)
        return (await self.session.scalars(query.order_by(col(FlowEdit.revision)).limit(limit))).all()

    async def newest(self, flow_id: UUID, before: int | None, limit: int) -> Sequence[FlowEdit]:
        """The newest edits first, with `before` those under that revision."""
        query = self.rows().where(col(FlowEdit.flow_id) == flow_id)
        if before is not None:
            query = query.where(col(FlowEdit.revision) < before)
        return (await self.session.scalars(query.order_by(col(FlowEdit.revision).desc()).limit(limit))).all()


class FlowVersions(WorkspaceRepository[FlowVersion]):
    model = FlowVersion
    missing = "flow.version_not_found"

    async def list(self, flow_id: UUID) -> Sequence[FlowVersion]:
        """The newest first."""
        query = self.rows().where(col(FlowVersion.flow_id) == flow_id)
        return (await self.session.scalars(query.order_by(col(FlowVersion.number).desc()))).all()

    async def number(self, flow_id: UUID, number: int) -> FlowVersion:
        """One published version. Raises `NotFound`."""
        version = await self.session.scalar(
            self.rows().where(col(FlowVersion.flow_id) == flow_id, col(FlowVersion.number) == number)
        )
        if version is None:
            raise NotFound(self.missing, id=str(flow_id), version=number)
        return version
