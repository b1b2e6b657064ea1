"""What publishing a flow does to others: to the flows that call it, and to runs that wait."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import WorkspaceId
from app.flows.check.callers import Affected, Caller
from app.flows.check.contracts import Change, changes, contract_of
from app.flows.node_type import Call
from app.i18n import t
from app.models.flows import Flow
from app.nodes.catalog import CATALOG
from app.repositories.flow_callers import CallerDocument, FlowCallers
from app.repositories.flows import FlowVersions
from app.schemas.flows import CallerView, ConsequenceView
from app.services import flow_documents, snapshots


async def of_publishing(
    session: AsyncSession, workspace_id: WorkspaceId, flow: Flow, locale: str
) -> list[ConsequenceView]:
    """Compare the draft with the version it would follow. A flow that was never published breaks nobody."""
    if flow.published_version is None:
        return []
    callers = FlowCallers(session, workspace_id)
    waiting = [_waiting(version, runs, locale) for version, runs in await callers.waiting(flow.id)]
    version = await FlowVersions(session, workspace_id).number(flow.id, flow.published_version)
    if version.semantic_hash == flow.semantic_hash:
        return waiting
    documents = [
        *await callers.drafts(flow.id),
        # The version that is there now is what this one takes the place of.
        *[each for each in await callers.published(flow.id) if each.flow_id != flow.id],
        *await callers.under_way(flow.id),
    ]
    old = contract_of(snapshots.of(version.document, version.semantic_hash).flow, CATALOG)
    new = contract_of(flow_documents.read(flow), CATALOG)
    found = changes(old, new)
    concerned: list[tuple[Change, CallerDocument, Affected]] = []
    for document in documents:
        caller = Caller(snapshots.parse(document.document), CATALOG, lambda call: _is_meant(call, flow.id))
        concerned += [(change, document, affected) for change, affected in caller.concerned(old, new, found)]
    order = list(dict.fromkeys((change.code, change.path) for change in [*found, Change("other")]))
    return [
        *[
            _consequence(group, locale)
            for key in order
            if (group := [each for each in concerned if (each[0].code, each[0].path) == key])
        ],
        *waiting,
    ]


def _is_meant(call: Call, flow_id: UUID) -> bool:
    """Calls of a version by its number stay as they are."""
    if str(call.version) != "latest":
        return False
    try:
        return UUID(str(call.flow)) == flow_id
    except ValueError:
        return False


def _consequence(group: Sequence[tuple[Change, CallerDocument, Affected]], locale: str) -> ConsequenceView:
    change = group[0][0]
    callers = [_caller(document, affected) for _, document, affected in group]
    names = ", ".join(dict.fromkeys(each.name or "?" for each in callers))
    context = {**change.context, "callers": names}
    return ConsequenceView(
        code=f"publish.{change.code}",
        severity="error" if any(each.breaks for each in callers) else "warning",
        message=t(f"problem.publish.{change.code}", locale, **context),
        needs_acceptance=True,
        callers=callers,
        context=context,
    )


def _caller(document: CallerDocument, affected: Affected) -> CallerView:
    """Runs under way may be past the call, so nothing is sure about them."""
    return CallerView(
        id=document.flow_id,
        name=document.name,
        kind=document.kind,
        version=document.version,
        runs=document.runs,
        nodes=list(affected.nodes),
        breaks=affected.breaks and document.kind != "runs",
    )


def _waiting(version: int | None, runs: int, locale: str) -> ConsequenceView:
    context = {"version": version or 0, "runs": runs}
    key = "problem.publish.runs_wait" if version else "problem.publish.draft_runs_wait"
    return ConsequenceView(
        code="publish.runs_wait",
        severity="warning",
        message=t(key, locale, **context),
        needs_acceptance=False,
        callers=[],
        context=context,
    )
