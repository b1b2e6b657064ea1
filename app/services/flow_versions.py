"""Published versions: made, listed, read, compared."""

from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from app.core.principal import Principal
from app.errors import AppError, Conflict
from app.flows import codec
from app.models.flows import Flow, FlowVersion
from app.repositories.flows import Flows, FlowVersions
from app.schemas.flows import (
    DiffView,
    PublishBody,
    PublishedView,
    PublishPreview,
    VersionDocumentView,
    VersionView,
)
from app.services import consequences, flow_documents, requirements, schedules, snapshots
from app.services.flow_diff import difference

DRAFT = "draft"


class BreaksCallers(Conflict):
    """Publishing would break callers, or may. `problems` says which, and how."""

    code = "flow.breaks_callers"


class HasProblems(AppError):
    """A flow with errors is not published. `problems` holds all of them."""

    code, status = "flow.has_problems", 422


async def publish(
    session: AsyncSession, principal: Principal, flow_id: UUID, body: PublishBody, locale: str
) -> PublishedView:
    """Freeze the document as the next version. Raises `HasProblems`, and `BreaksCallers` unless that is accepted."""
    permissions.require(principal, "flows:write")
    flow = await Flows(session, principal.workspace_id).lock(flow_id)
    seen = await _look(session, principal, flow, locale)
    if not seen.can_publish:
        found = [each.model_dump() for each in seen.problems]
        raise HasProblems(id=str(flow_id), revision=flow.revision, problems=found)
    if seen.needs_acceptance and not body.accept_breaking:
        breaking = [each.model_dump(mode="json") for each in seen.consequences if each.needs_acceptance]
        raise BreaksCallers(id=str(flow_id), revision=flow.revision, problems=breaking)
    versions = FlowVersions(session, principal.workspace_id)
    version = versions.add(
        FlowVersion(
            workspace_id=principal.workspace_id,
            flow_id=flow.id,
            number=(flow.published_version or 0) + 1,
            revision=flow.revision,
            document=flow.document,
            semantic_hash=flow.semantic_hash,
            note=body.note,
            created_by=principal.user_id,
            author=principal.name,
        )
    )
    flow.published_version = version.number
    await session.flush()
    snapshot = snapshots.of(flow.document, flow.semantic_hash)
    await schedules.publish(session, principal.workspace_id, flow.id, version.number, snapshot)
    return PublishedView(
        **_view(version).model_dump(), problems=seen.problems, consequences=seen.consequences
    )


async def preview(session: AsyncSession, principal: Principal, flow_id: UUID, locale: str) -> PublishPreview:
    """What publishing now would do. Nothing is stored."""
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    return await _look(session, principal, flow, locale)


async def _look(session: AsyncSession, principal: Principal, flow: Flow, locale: str) -> PublishPreview:
    own = [*flow_documents.problems(flow), *await requirements.unbound(session, principal.workspace_id, flow)]
    can_publish = not any(each.severity == "error" for each in own)
    found = (
        await consequences.of_publishing(session, principal.workspace_id, flow, locale) if can_publish else []
    )
    return PublishPreview(
        version=(flow.published_version or 0) + 1,
        revision=flow.revision,
        can_publish=can_publish,
        needs_acceptance=any(each.needs_acceptance for each in found),
        problems=flow_documents.in_words(own, locale),
        consequences=found,
    )


async def list_versions(session: AsyncSession, principal: Principal, flow_id: UUID) -> list[VersionView]:
    """The newest first."""
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    return [_view(each) for each in await FlowVersions(session, principal.workspace_id).list(flow.id)]


async def get(session: AsyncSession, principal: Principal, flow_id: UUID, number: int) -> VersionDocumentView:
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    version = await FlowVersions(session, principal.workspace_id).number(flow.id, number)
    return VersionDocumentView(**_view(version).model_dump(), document=orjson.loads(version.document))


async def compare(
    session: AsyncSession, principal: Principal, flow_id: UUID, before: str, after: str
) -> DiffView:
    """What changed from one version to another; `draft` is the document as it is edited now."""
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    versions = FlowVersions(session, principal.workspace_id)

    async def document(name: str) -> str:
        return flow.document if name == DRAFT else (await versions.number(flow.id, int(name))).document

    old, new = codec.load(await document(before)), codec.load(await document(after))
    return difference(old, new, before=_name(before), after=_name(after))


def _name(name: str) -> int | str:
    return name if name == DRAFT else int(name)


def _view(version: FlowVersion) -> VersionView:
    return VersionView(
        version=version.number,
        note=version.note,
        author=version.author,
        revision=version.revision,
        semantic_hash=version.semantic_hash,
        created_at=version.created_at,
    )
