"""What people are asked: approvals, tasks, and conversations that were handed to them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.api.deps import Caller, Db
from app.auth.permissions import require
from app.schemas.flow_runs import MessageView
from app.schemas.inbox import (
    Decision,
    Delivered,
    EventBody,
    GiveBack,
    InboxItem,
    Kind,
    Outcome,
    TaskResult,
    Word,
)
from app.services import conversations, inbox

router = APIRouter(prefix="/api", tags=["inbox"])
Decided = Annotated[bool, Query(description="Those that are over instead of those still open.")]


@router.get("/approvals")
async def list_approvals(session: Db, caller: Caller, decided: Decided = False) -> list[InboxItem]:
    """Approvals that runs wait for, newest first."""
    require(caller, "runs:read")
    return await inbox.items(session, caller, decided=decided, kind="approval")


@router.get("/approvals/{approval_id}")
async def get_approval(approval_id: UUID, session: Db, caller: Caller) -> InboxItem:
    require(caller, "runs:read")
    return await inbox.item(session, caller, approval_id)


@router.post("/approvals/{approval_id}")
async def decide(approval_id: UUID, body: Decision, session: Db, caller: Caller) -> InboxItem:
    """Approve or reject. 409 says who decided and when; 403 when it is not the caller's to decide."""
    require(caller, "runs:write")
    return await inbox.decide(session, caller, approval_id, body)


@router.get("/inbox")
async def list_inbox(
    session: Db,
    caller: Caller,
    decided: Decided = False,
    kind: Kind | None = None,
) -> list[InboxItem]:
    """Everything people are asked, newest first."""
    require(caller, "runs:read")
    return await inbox.items(session, caller, decided=decided, kind=kind)


@router.post("/inbox/{task_id}/result")
async def finish_task(task_id: UUID, body: TaskResult, session: Db, caller: Caller) -> InboxItem:
    """Say that a task is done, and what came of it."""
    require(caller, "runs:write")
    return await inbox.finish_task(session, caller, task_id, body)


@router.post("/inbox/{item_id}/outcome")
async def say_outcome(item_id: UUID, body: Outcome, session: Db, caller: Caller) -> InboxItem:
    """Say what came of a step that was cut off while it acted on the world, so that it is not done twice."""
    require(caller, "runs:write")
    return await inbox.say_outcome(session, caller, item_id, body)


@router.post("/inbox/{takeover_id}/return")
async def give_back(takeover_id: UUID, body: GiveBack, session: Db, caller: Caller) -> InboxItem:
    """Give a conversation back to its flow."""
    require(caller, "runs:write")
    return await inbox.give_back(session, caller, takeover_id, body)


@router.post("/events", status_code=202)
async def deliver(body: EventBody, session: Db, caller: Caller) -> Delivered:
    """Tell an event to every run that waits for its kind."""
    require(caller, "runs:write")
    return Delivered(runs=await inbox.deliver(session, caller, body.kind, body.event))


@router.post("/conversations/{conversation_id}/takeover", status_code=204)
async def take_over(conversation_id: UUID, session: Db, caller: Caller) -> None:
    """Lead a conversation oneself: its flow is silent until it is given back."""
    require(caller, "runs:write")
    await conversations.take_over(session, caller, conversation_id)


@router.post("/conversations/{conversation_id}/return", status_code=204)
async def return_conversation(conversation_id: UUID, session: Db, caller: Caller) -> None:
    """Give a conversation back that was taken over by hand."""
    require(caller, "runs:write")
    await conversations.give_back(session, caller, conversation_id)


@router.get("/conversations/{conversation_id}/messages")
async def list_messages(conversation_id: UUID, session: Db, caller: Caller) -> list[MessageView]:
    """What was said, oldest first."""
    require(caller, "runs:read")
    return await conversations.messages(session, caller, conversation_id)


@router.post("/conversations/{conversation_id}/messages", status_code=201)
async def say(conversation_id: UUID, body: Word, session: Db, caller: Caller) -> MessageView:
    """Say something to the contact as a person."""
    require(caller, "runs:write")
    return await conversations.say_as_person(session, caller, conversation_id, body.text)
