"""Editing by operations, publishing, and what changed between versions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from app.api.deps import Caller, Db, Locale
from app.schemas.flows import (
    DiffView,
    EditsView,
    OperationsBody,
    OperationsView,
    PublishBody,
    PublishedView,
    PublishPreview,
    RecentEditsView,
    VersionDocumentView,
    VersionView,
)
from app.services import flow_edits, flow_tests, flow_versions

router = APIRouter(prefix="/api/flows/{flow_id}", tags=["flows"])
Version = Annotated[str, Path(pattern=r"^(draft|[1-9][0-9]{0,8})$")]


@router.post("/operations")
async def submit(
    flow_id: UUID, body: OperationsBody, caller: Caller, session: Db, locale: Locale
) -> OperationsView:
    """Send edits. The server puts them in order; fields merge; an `op_id` it has seen changes nothing."""
    return await flow_edits.submit(session, caller, flow_id, body, locale)


@router.get("/operations")
async def since(
    flow_id: UUID, caller: Caller, session: Db, since: Annotated[int, Query(ge=0)] = 0
) -> EditsView:
    """Edits after a revision, in order."""
    return await flow_edits.since(session, caller, flow_id, since)


@router.get("/operations/recent")
async def recent(
    flow_id: UUID,
    caller: Caller,
    session: Db,
    before: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> RecentEditsView:
    """Who changed what, the newest first; older ones by `before`."""
    return await flow_edits.recent(session, caller, flow_id, before, limit)


@router.get("/publish/preview")
async def preview(flow_id: UUID, caller: Caller, session: Db, locale: Locale) -> PublishPreview:
    """What publishing now would do: to the flow, to those who call it, and to runs that wait."""
    return await flow_versions.preview(session, caller, flow_id, locale)


@router.post("/publish", status_code=201)
async def publish(
    flow_id: UUID, caller: Caller, session: Db, locale: Locale, body: PublishBody | None = None
) -> PublishedView:
    """Freeze the document as the next version. Refused while it has problems that are errors, or tests that fail.

    A version that breaks callers, or may, is refused with 409 `flow.breaks_callers`, the consequences standing under
    `problems`, unless `accept_breaking` is set.
    """
    if body is not None and body.require_tests:
        await flow_tests.require_green(caller, flow_id)
    return await flow_versions.publish(session, caller, flow_id, body or PublishBody(), locale)


@router.get("/versions")
async def versions(flow_id: UUID, caller: Caller, session: Db) -> list[VersionView]:
    """The newest first."""
    return await flow_versions.list_versions(session, caller, flow_id)


@router.get("/versions/{before}...{after}")
async def compare(flow_id: UUID, before: Version, after: Version, caller: Caller, session: Db) -> DiffView:
    """What changed from one version to another; `draft` is the document as it is edited now."""
    return await flow_versions.compare(session, caller, flow_id, before, after)


@router.get("/versions/{number}")
async def version(flow_id: UUID, number: int, caller: Caller, session: Db) -> VersionDocumentView:
    return await flow_versions.get(session, caller, flow_id, number)
