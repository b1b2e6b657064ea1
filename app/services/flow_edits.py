"""Edits as operations: the server puts them in order, numbers them, keeps them and tells the other editors."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from app.core.clock import new_id, now
from app.core.db import after_commit
from app.core.principal import Principal
from app.errors import AppError
from app.flows.document import Flow as Document
from app.flows.operations import apply, invert
from app.models.flows import Flow, FlowEdit
from app.realtime.publish import publish_flow
from app.repositories.flows import FlowEdits, Flows
from app.schemas.flows import (
    ActorView,
    EditsView,
    EditView,
    OperationBody,
    OperationsBody,
    OperationsView,
    RecentEditsView,
    RejectedView,
)
from app.services import flow_documents

REPLACED = '{"op":"document.replace"}'


async def submit(
    session: AsyncSession, principal: Principal, flow_id: UUID, body: OperationsBody, locale: str
) -> OperationsView:
    """Apply each operation to the newest document; what no longer fits is rejected alone, with its code.

    With `in_order` what follows a rejected one is deferred. Fields merge, because an operation names one field. An `op_id` seen before is accepted again and does nothing.
    """
    permissions.require(principal, "flows:write")
    flow = await Flows(session, principal.workspace_id).lock(flow_id)
    edits = FlowEdits(session, principal.workspace_id)
    known = await edits.known(flow_id, [each.op_id for each in body.operations])
    others = await _others(edits, flow, body)
    before = flow_documents.read(flow)
    made, rejected, document = _apply_all(principal, flow, before, body, known, locale)
    if made:
        for edit in made:
            edits.add(edit)
        flow.revision, flow.updated_at = made[-1].revision, now()
        flow_documents.write(flow, document)
        await session.flush()
        tell(session, flow, made, locale, {each.op_id: each.base for each in body.operations})
    refused = {each.op_id for each in rejected}
    deferred = _deferred(body, refused, known | {edit.op_id for edit in made})
    return OperationsView(
        revision=flow.revision,
        problems=flow_documents.in_words(flow_documents.problems(flow), locale),
        accepted=[each.op_id for each in body.operations if each.op_id not in {*refused, *deferred}],
        rejected=rejected,
        deferred=deferred,
        operations=[_view(edit) for edit in others],
    )


async def since(session: AsyncSession, principal: Principal, flow_id: UUID, revision: int) -> EditsView:
    """Edits after `revision`, in order. Read again from the last one's number while there are more."""
    permissions.require(principal, "flows:read")
    flow = await Flows(session, principal.workspace_id).get(flow_id)
    found = await FlowEdits(session, principal.workspace_id).since(flow_id, revision)
    return EditsView(revision=flow.revision, operations=[_view(edit) for edit in found])


async def recent(
    session: AsyncSession, principal: Principal, flow_id: UUID, before: int | None, limit: int
) -> RecentEditsView:
    """The newest edits first: who changed what. With `before`, those under that revision."""
    permissions.require(principal, "flows:read")
    await Flows(session, principal.workspace_id).get(flow_id)
    found = await FlowEdits(session, principal.workspace_id).newest(flow_id, before, limit + 1)
    return RecentEditsView(operations=[_view(edit) for edit in found[:limit]], more=len(found) > limit)


def record_replacement(session: AsyncSession, principal: Principal, flow: Flow) -> None:
    """Number an edit that puts a whole document in place; editors who hear of it fetch the document."""
    op_id = str(new_id())
    edit = _edit(principal, flow, flow.revision + 1, "api", op_id, REPLACED, REPLACED)
    FlowEdits(session, principal.workspace_id).add(edit)
    flow.revision, flow.updated_at = edit.revision, now()
    _publish(session, flow.id, {"kind": "operations", "operations": [_json(edit)]})


def tell(
    session: AsyncSession,
    flow: Flow,
    made: Sequence[FlowEdit],
    locale: str,
    bases: Mapping[str, int | None] | None = None,
) -> None:
    """Tell the other editors, once the rows are there. `bases`: what each edit's author had seen, by `op_id`."""
    found = flow_documents.in_words(flow_documents.problems(flow), locale)
    problems = [each.model_dump(mode="json") for each in found]
    seen = bases or {}
    operations = [{**_json(edit), "base": seen.get(edit.op_id)} for edit in made]
    _publish(session, flow.id, {"kind": "operations", "operations": operations})
    _publish(session, flow.id, {"kind": "problems", "revision": flow.revision, "problems": problems})


def _publish(session: AsyncSession, flow_id: UUID, item: dict[str, object]) -> None:
    async def publish() -> None:
        await publish_flow(flow_id, item)

    after_commit(session, publish)


async def _others(edits: FlowEdits, flow: Flow, body: OperationsBody) -> list[FlowEdit]:
    if body.base_revision >= flow.revision:
        return []
    found = await edits.since(flow.id, body.base_revision)
    return [edit for edit in found if edit.client_id != body.client_id]


def _deferred(body: OperationsBody, refused: set[str], stored: set[str]) -> list[str]:
    if not body.in_order:
        return []
    return [each.op_id for each in body.operations if each.op_id not in {*refused, *stored}]


def _apply_all(
    principal: Principal,
    flow: Flow,
    document: Document,
    body: OperationsBody,
    known: set[str],
    locale: str,
) -> tuple[list[FlowEdit], list[RejectedView], Document]:
    made: list[FlowEdit] = []
    rejected: list[RejectedView] = []
    seen = set(known)
    for each in body.operations:
        if each.op_id in seen:
            continue
        try:
            after = apply(document, each.op)
            inverse = invert(document, each.op)
        except AppError as error:
            rejected.append(_rejected(each, error, locale))
            if body.in_order:
                break
            continue
        seen.add(each.op_id)
        revision = flow.revision + len(made) + 1
        texts = (orjson.dumps(each.op).decode(), orjson.dumps(inverse).decode())
        made.append(_edit(principal, flow, revision, body.client_id, each.op_id, *texts))
        document = after
    return made, rejected, document


def _rejected(operation: OperationBody, error: AppError, locale: str) -> RejectedView:
    return RejectedView(
        op_id=operation.op_id,
        code=error.error_code,
        detail=flow_documents.error_in_words(error, locale),
        context=error.context,
    )


def _edit(
    principal: Principal, flow: Flow, revision: int, client_id: str, op_id: str, operation: str, inverse: str
) -> FlowEdit:
    return FlowEdit(
        workspace_id=flow.workspace_id,
        flow_id=flow.id,
        revision=revision,
        client_id=client_id,
        op_id=op_id,
        operation=operation,
        inverse=inverse,
        actor_id=principal.user_id,
        actor_name=principal.name,
    )


def _view(edit: FlowEdit) -> EditView:
    return EditView(
        revision=edit.revision,
        op_id=edit.op_id,
        client_id=edit.client_id,
        actor=ActorView(id=edit.actor_id, name=edit.actor_name),
        op=orjson.loads(edit.operation),
        at=edit.created_at,
    )


def _json(edit: FlowEdit) -> dict[str, object]:
    return _view(edit).model_dump(mode="json")
