"""Published versions: made, listed, read, compared."""

from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from app.core.principal import Principal
from app.errors import AppError
from app.flows import codec
from app.models.flows import FlowVersion
from app.repositories.flows import Flows, FlowVersions
from app.schemas.flows import DiffView, PublishBody, VersionDocumentView, VersionView
from app.services import flow_documents, schedules, snapshots
from app.services.flow_diff import difference

DRAFT = "draft"


class HasProblems(AppError):
    """A flow with errors is not published. `problems` holds all of them."""

    code, status = "flow.has_problems", 422


async def publish(
    session: AsyncSession, principal: Principal, flow_id: UUID, body: PublishBody, locale: str
) -> VersionView:
    """Freeze the document as the next version. Raises `HasProblems`."""
    permissions.require(principal, "flows:write")
    flow = await Flows(session, principal.workspace_id).lock(flow_id)
    problems = flow_documents.problems(flow)
    if any(each.severity == "error" for each in problems):
        found = [each.model_dump() for each in flow_documents.in_words(problems, locale)]
        raise HasProblems(id=str(flow_id), revision=flow.revision, problems=found)
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
    return _view(version)


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
