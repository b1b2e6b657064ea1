"""Flows as whole things: listed, made, copied, put away and brought back, imported, exported, replaced, checked."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from app.core.clock import new_id, now
from app.core.principal import Principal
from app.errors import AppError
from app.flows import codec
from app.flows.check import check
from app.flows.document import Flow as Document
from app.i18n import t
from app.models.flows import Flow
from app.nodes.catalog import CATALOG
from app.repositories.flows import Flows, FlowVersions
from app.schemas.flows import CheckView, CreateBody, FlowPage, FlowView
from app.services import flow_documents, flow_edits, schedules, snapshots
from app.services.flow_templates import flow_template

_UNTITLED: Final = {
    "agent": "flow.untitled.agent",
    "rule": "flow.untitled.rule",
    "sequence": "flow.untitled.sequence",
    "task": "flow.untitled.task",
}
_STARTER: Final = {"message": "flow.starter.message", "start": "flow.starter.start"}


class RevisionMismatch(AppError):
    """Somebody edited the flow since. `revision` is the current one."""

    code, status = "flow.revision_mismatch", 412


@dataclass(frozen=True, slots=True)
class Export:
    filename: str
    text: str
    revision: int


async def list_flows(
    session: AsyncSession,
    principal: Principal,
    *,
    search: str = "",
    kind: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> FlowPage:
    """The workspace's flows, the latest edited first. `search`: words in name or description."""
    permissions.require(principal, "flows:read")
    flows, total = await Flows(session, principal.workspace_id).page(
        search=search, kind=kind, limit=limit, offset=offset
    )
    items = [flow_documents.summary(flow) for flow in flows]
    return FlowPage(items=items, total=total, limit=limit, offset=offset)


async def get(session: AsyncSession, principal: Principal, flow_id: UUID, locale: str) -> FlowView:
    """One flow. Raises `NotFound`, also for another workspace's."""
    permissions.require(principal, "flows:read")
    return flow_documents.view(await Flows(session, principal.workspace_id).get(flow_id), locale)


async def create(session: AsyncSession, principal: Principal, body: CreateBody, locale: str) -> FlowView:
    """A flow with nothing but its trigger, or a template's. Raises `NotFound` for an unknown template."""
    permissions.require(principal, "flows:write")
    document = (
        codec.load(flow_template(body.template, locale).text) if body.template else _blank(body.kind, locale)
    )
    if body.name:
        document = document.model_copy(update={"name": body.name})
    return flow_documents.view(await _store(session, principal, document), locale)


async def import_text(
    session: AsyncSession, principal: Principal, text: str | bytes, locale: str
) -> FlowView:
    """A flow from a file. Raises the codec's errors. Unknown node types stay as placeholders, told in `problems`."""
    permissions.require(principal, "flows:write")
    document = codec.load(text)
    source = text.decode() if isinstance(text, bytes) else text
    return flow_documents.view(await _store(session, principal, document, source), locale)


async def duplicate(session: AsyncSession, principal: Principal, flow_id: UUID, locale: str) -> FlowView:
    permissions.require(principal, "flows:write")
    original = flow_documents.read(await Flows(session, principal.workspace_id).get(flow_id))
    name = t("flow.copy_name", locale, name=original.name)[:120]
    copy = original.model_copy(update={"name": name})
    return flow_documents.view(await _store(session, principal, copy), locale)


async def delete(session: AsyncSession, principal: Principal, flow_id: UUID) -> None:
    """Put a flow away; `restore` brings it back."""
    permissions.require(principal, "flows:write")
    flow = await Flows(session, principal.workspace_id).lock(flow_id)
    flow.deleted_at = now()
    await schedules.forget(session, flow_id)


async def restore(session: AsyncSession, principal: Principal, flow_id: UUID, locale: str) -> FlowView:
    permissions.require(principal, "flows:write")
    flow = await Flows(session, principal.workspace_id).deleted(flow_id)
    flow.deleted_at = None
    if flow.published_version is not None:
        version = await FlowVersions(session, principal.workspace_id).number(flow_id, flow.published_version)
        snapshot = snapshots.of(version.document, version.semantic_hash)
        await schedules.publish(session, principal.workspace_id, flow_id, version.number, snapshot)
    return flow_documents.view(flow, locale)


async def export(session: AsyncSession, principal: Principal, flow_id: UUID) -> Export:
    """The flow as a file: the imported text while nothing was edited since, else the canonical writing."""
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    name = "-".join("".join(c if c.isalnum() else " " for c in flow.name).lower().split())
    return Export(
        filename=f"{name or 'flow'}.flow.json",
        text=flow.document if flow.source is None else flow.source,
        revision=flow.revision,
    )


async def replace(
    session: AsyncSession,
    principal: Principal,
    flow_id: UUID,
    text: bytes,
    revision: int | None,
    locale: str,
) -> FlowView:
    """Put another document in place of the one of `revision` (None: whatever it is now).

    Raises the codec's errors, and `RevisionMismatch` when somebody edited the flow since.
    """
    permissions.require(principal, "flows:write")
    document = codec.load(text)
    flow = await Flows(session, principal.workspace_id).lock(flow_id)
    if revision is not None and revision != flow.revision:
        raise RevisionMismatch(revision=flow.revision)
    flow_edits.record_replacement(session, principal, flow)
    flow_documents.write(flow, document, text.decode())
    await session.flush()
    return flow_documents.view(flow, locale)


def check_text(principal: Principal, text: bytes, locale: str) -> CheckView:
    """Problems of a document; nothing is stored. Raises the codec's errors."""
    permissions.require(principal, "flows:read")
    found = check(codec.load(text), CATALOG)
    return CheckView(
        ok=all(each.severity != "error" for each in found),
        problems=flow_documents.in_words(found, locale),
    )


async def store_document(session: AsyncSession, principal: Principal, document: Document) -> UUID:
    """A new flow from a value, for callers that need only its id."""
    return (await _store(session, principal, document)).id


async def _store(
    session: AsyncSession, principal: Principal, document: Document, source: str | None = None
) -> Flow:
    flow = Flow(
        id=new_id(),
        workspace_id=principal.workspace_id,
        created_by=principal.user_id,
        kind=document.kind,
        name=document.name,
        document="",
        semantic_hash="",
    )
    flow_documents.write(flow, document, source)
    Flows(session, principal.workspace_id).add(flow)
    await session.flush()
    return flow


def _blank(kind: str, locale: str) -> Document:
    """A flow of a kind with its trigger alone."""
    chat = kind == "agent"
    trigger = "message" if chat else "start"
    properties = {"message": {"type": "string"}} if chat else {}
    return codec.parse(
        {
            "schema": "flow/1",
            "kind": kind,
            "name": t(_UNTITLED[kind], locale),
            "inputs": {"type": "object", "properties": properties}
            | ({"required": ["message"]} if chat else {}),
            "nodes": [
                {
                    "id": trigger,
                    "type": "trigger.chat" if chat else "trigger.call",
                    "title": t(_STARTER[trigger], locale),
                }
            ],
            "view": {"nodes": {trigger: {"x": 80, "y": 160}}},
        }
    )
