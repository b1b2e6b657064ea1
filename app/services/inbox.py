"""What people are asked by runs that wait: who may answer, whose answer counts, what the run hears of it.

The first answer that settles a wait consumes it in its transaction; a later one is told who decided and when.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import jobs
from app.core.clock import now
from app.core.principal import Principal
from app.errors import Conflict, Denied, Invalid, NotFound
from app.models.flow_runs import FlowRun
from app.models.flow_waits import FlowWait
from app.repositories import waits
from app.repositories.flow_runs import FlowRuns
from app.repositories.waits import INBOX, FlowWaits
from app.schemas.inbox import Decision, GiveBack, GivenAnswer, InboxItem, Outcome, TaskResult
from app.services.storable import refuse_unstorable

# Why a step was given up, as the journal names it, and what a late answer is told.
_OVER: Final = {
    "stopped": "approval.over_stopped",
    "late": "approval.over_late",
    "out_of_time": "approval.over_out_of_time",
}


class AlreadyDecided(Conflict):
    """`context` says who decided, what, and when."""

    code = "approval.already_decided"


class RunOver(Conflict):
    """The run ended, or went on without an answer: `context["by"]` is then the node that gave the step up."""

    code = "approval.run_over"


class NotYours(Denied):
    code = "approval.not_assigned"


class FormRefused(Invalid):
    """`context["path"]` is the first field that does not fit; `fields` are all: each `field`, `code` and `message`."""

    code = "approval.form_refused"


async def items(
    session: AsyncSession, principal: Principal, *, decided: bool = False, kind: str | None = None
) -> list[InboxItem]:
    """Newest first."""
    kinds = (kind,) if kind else INBOX
    found = await FlowWaits(session, principal.workspace_id).inbox(decided=decided, kinds=kinds)
    return [_view(principal, row, run, name) for row, run, name in found]


async def of_run(session: AsyncSession, principal: Principal, run_id: UUID) -> list[InboxItem]:
    """What a run asks people now, oldest first; questions of its conversation are not among them."""
    run = await FlowRuns(session, principal.workspace_id).get(run_id)
    rows = await FlowWaits(session, principal.workspace_id).of_run(run_id)
    name = await FlowWaits(session, principal.workspace_id).flow_name(run.flow_id)
    return [_view(principal, row, run, name) for row in rows if row.kind in INBOX]


async def item(session: AsyncSession, principal: Principal, wait_id: UUID) -> InboxItem:
    """Raises `NotFound`."""
    row = await FlowWaits(session, principal.workspace_id).get(wait_id)
    return await _seen(
        session, principal, row, await FlowRuns(session, principal.workspace_id).get(row.run_id)
    )


async def decide(session: AsyncSession, principal: Principal, wait_id: UUID, said: Decision) -> InboxItem:
    """Approve or reject. The run goes on once the quorum has decided."""
    refuse_unstorable(dict(said), "body")
    row, run = await _held(session, principal, wait_id, "approval")
    if said.decision == "approved":
        _check_form(row.data.get("form"), said.form)
    if any(answer["user_id"] == str(principal.user_id) for answer in row.answers):
        raise AlreadyDecided(decided_by=principal.name, decided_at=now().isoformat(), decision="answered")
    answer = {
        "user_id": str(principal.user_id),
        "by": principal.name or principal.email,
        "decision": said.decision,
        "note": said.note,
        "at": now().isoformat(),
    }
    row.answers = [*row.answers, answer]
    settled = _settled(row)
    if settled is not None:
        value = {"decision": settled, "decided_by": answer["by"], "note": said.note, "form": said.form}
        await _resolve(session, principal, row, settled, {"kind": "answer", **value})
    await session.flush()
    return await _seen(session, principal, row, run)


async def finish_task(
    session: AsyncSession, principal: Principal, wait_id: UUID, said: TaskResult
) -> InboxItem:
    refuse_unstorable(dict(said), "body")
    row, run = await _held(session, principal, wait_id, "task")
    value = {"kind": "answer", "id": str(row.id), "result": said.result, "note": said.note}
    row.answers = [*row.answers, _answer(principal, "done", said.note)]
    await _resolve(session, principal, row, "done", value)
    await deliver(session, principal, "task", {"task_id": str(row.id), **row.data, "result": said.result})
    return await _seen(session, principal, row, run)


async def deliver(session: AsyncSession, principal: Principal, kind: str, event: Any) -> list[UUID]:
    """Tell an event to every step of the workspace that waits for its kind. Returns the runs that hear it."""
    refuse_unstorable(event, "body.event")
    signal = {"kind": "event", "source": kind, "value": event}
    told = await waits.deliver(session, principal.workspace_id, [f"{kind}:{principal.workspace_id}"], signal)
    for run_id in told:
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(run_id)}, durable=False)
    return told


async def give_back(session: AsyncSession, principal: Principal, wait_id: UUID, said: GiveBack) -> InboxItem:
    """Give a conversation back to its flow."""
    refuse_unstorable(dict(said), "body")
    row, run = await _held(session, principal, wait_id, "takeover")
    value = {"kind": "answer", "returned_by": principal.name or principal.email, "note": said.note}
    row.answers = [*row.answers, _answer(principal, "returned", said.note)]
    await _resolve(session, principal, row, "returned", value)
    return await _seen(session, principal, row, run)


async def say_outcome(session: AsyncSession, principal: Principal, wait_id: UUID, said: Outcome) -> InboxItem:
    """Say what came of a step that was cut off while it acted on the world."""
    refuse_unstorable(dict(said), "body")
    row, run = await _held(session, principal, wait_id, "unknown")
    value = {"kind": "answer", "decision": said.decision, "output": said.output}
    row.answers = [*row.answers, _answer(principal, said.decision, said.note)]
    await _resolve(session, principal, row, said.decision, value)
    return await _seen(session, principal, row, run)


async def _held(
    session: AsyncSession, principal: Principal, wait_id: UUID, kind: str
) -> tuple[FlowWait, FlowRun]:
    """The wait, locked, when this person may end it now."""
    rows = FlowWaits(session, principal.workspace_id)
    row = await rows.locked(wait_id)
    if row is None or row.kind != kind:
        raise NotFound(rows.missing, id=str(wait_id))
    if row.resolved_at is not None:
        raise AlreadyDecided(
            decided_by=row.resolved_by or None,
            decided_at=row.resolved_at.isoformat(),
            decision=row.resolution,
        )
    if row.closed and row.resolution:
        raise RunOver(_OVER[row.resolution], id=str(wait_id), by=row.resolved_by)
    if row.closed:
        raise RunOver(id=str(wait_id))
    run = await FlowRuns(session, principal.workspace_id).get(row.run_id)
    refusal = _refusal(principal, row, run)
    if refusal is not None:
        raise NotYours(refusal, assignees=", ".join(row.data.get("assignees") or ()))
    return row, run


async def _resolve(
    session: AsyncSession, principal: Principal, row: FlowWait, resolution: str, value: Mapping[str, Any]
) -> None:
    row.resolution, row.resolved_at = resolution, now()
    row.resolved_by = principal.name or principal.email
    await session.flush()
    for run_id in await FlowWaits(session, principal.workspace_id).tell(row, value):
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(run_id)}, durable=False)


def _settled(row: FlowWait) -> str | None:
    """Approved once enough did; rejected once enough no longer can."""
    quorum, assignees = int(row.data.get("quorum") or 1), row.data.get("assignees") or []
    approvals = sum(answer["decision"] == "approved" for answer in row.answers)
    rejections = len(row.answers) - approvals
    if approvals >= quorum:
        return "approved"
    left = max(len(assignees) - quorum, 0) if assignees else 0
    return "rejected" if rejections > left else None


def _refusal(principal: Principal, row: FlowWait, run: FlowRun) -> str | None:
    """Why this person may not answer."""
    assignees = {str(each).casefold() for each in row.data.get("assignees") or ()}
    own = {principal.email.casefold(), str(principal.user_id), f"role:{principal.role}"}
    if assignees and not assignees & own:
        return "approval.not_assigned"
    if row.kind == "approval" and not row.data.get("allow_self") and run.created_by == principal.user_id:
        return "approval.own_run"
    return None


def _check_form(schema: Any, form: Any) -> None:
    if not schema:
        return
    given = {} if form is None else form
    faults = [
        {"field": name, "code": str(fault.validator), "message": fault.message[:300]}
        for fault in Draft202012Validator(schema).iter_errors(given)
        for name in _names(fault)
    ]
    if faults:
        place = ".".join(filter(None, ["body.form", faults[0]["field"]]))
        raise FormRefused(path=place, reason=faults[0]["message"], fields=faults)


def _names(fault: ValidationError) -> list[str]:
    """The fields a fault is about: those that are missing, else the one where it lies; "" is the form itself."""
    required = fault.validator_value if fault.validator == "required" and not fault.absolute_path else None
    if isinstance(required, list):
        return [str(name) for name in required if f"'{name}'" in fault.message]
    return [str(next(iter(fault.absolute_path), ""))]


def _answer(principal: Principal, decision: str, note: str) -> dict[str, Any]:
    by = principal.name or principal.email
    at = now().isoformat()
    return {"user_id": str(principal.user_id), "by": by, "decision": decision, "note": note, "at": at}


async def _seen(session: AsyncSession, principal: Principal, row: FlowWait, run: FlowRun) -> InboxItem:
    name = await FlowWaits(session, principal.workspace_id).flow_name(run.flow_id)
    return _view(principal, row, run, name)


def _view(principal: Principal, row: FlowWait, run: FlowRun, flow_name: str) -> InboxItem:
    data = row.data
    status = row.resolution or ("closed" if row.closed else "open")
    refusal = _refusal(principal, row, run) if status == "open" else None
    return InboxItem.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "status": status,
            "title": data.get("question") or data.get("title") or data.get("reason") or "",
            "description": data.get("description") or "",
            "assignees": data.get("assignees") or [],
            "quorum": data.get("quorum") or 1,
            "form": data.get("form"),
            "parameters": data.get("parameters"),
            "answers": [GivenAnswer.model_validate(answer) for answer in row.answers],
            "created_at": row.created_at,
            "due_at": row.due_at,
            "decided_by": (row.resolved_by or None) if row.resolved_at else None,
            "decided_at": row.resolved_at,
            "may_decide": status == "open" and refusal is None,
            "refusal": refusal,
            "run_id": row.run_id,
            "flow_id": row.flow_id,
            "flow_name": flow_name,
            "node": row.node,
            "path": row.path,
            "conversation_id": row.conversation_id,
            "simulate": run.simulate,
        }
    )
