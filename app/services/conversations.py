"""Conversations that people lead themselves for a while."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import new_id, now
from app.core.principal import Principal
from app.errors import Conflict
from app.models.conversations import Conversation, Message
from app.repositories.conversations import Conversations, Messages
from app.schemas.flow_runs import MessageView
from app.schemas.inbox import GiveBack
from app.services import inbox
from app.services.storable import refuse_unstorable


class NotTakenOver(Conflict):
    """A person speaks only in a conversation that was taken over: else two would answer."""

    code = "conversation.not_taken_over"


async def take_over(session: AsyncSession, principal: Principal, conversation_id: UUID) -> None:
    """Raises `NotFound`. A conversation that somebody leads already goes to the new one."""
    row = await _locked(session, principal, conversation_id)
    row.taken_over_at, row.taken_over_by = now(), principal.name or principal.email


async def give_back(session: AsyncSession, principal: Principal, conversation_id: UUID) -> None:
    """Raises `NotFound`. Where a step of a run waits for it, that step goes on."""
    row = await _locked(session, principal, conversation_id)
    open_items = await inbox.items(session, principal, kind="takeover")
    handed = next((each for each in open_items if each.conversation_id == conversation_id), None)
    if handed is not None:
        await inbox.give_back(session, principal, handed.id, GiveBack())
    row.taken_over_at, row.taken_over_by = None, ""


async def messages(session: AsyncSession, principal: Principal, conversation_id: UUID) -> list[MessageView]:
    """Oldest first. Raises `NotFound`."""
    await Conversations(session, principal.workspace_id).get(conversation_id)
    rows = await Messages(session, principal.workspace_id).of_conversation(conversation_id)
    return [_view(row) for row in rows]


async def say_as_person(
    session: AsyncSession, principal: Principal, conversation_id: UUID, text: str
) -> MessageView:
    """Raises `NotTakenOver` while the flow leads the conversation, `NotStorable`."""
    refuse_unstorable(text, "body.text")
    row = await _locked(session, principal, conversation_id)
    if row.taken_over_at is None:
        raise NotTakenOver(id=str(conversation_id))
    row.taken_over_by = row.taken_over_by or principal.name or principal.email
    row.updated_at = now()
    message = Message(
        id=new_id(),
        workspace_id=principal.workspace_id,
        conversation_id=conversation_id,
        role="assistant",
        author=principal.name or principal.email,
        text=text,
    )
    Messages(session, principal.workspace_id).add(message)
    await session.flush()
    return _view(message)


async def _locked(session: AsyncSession, principal: Principal, conversation_id: UUID) -> Conversation:
    conversations = Conversations(session, principal.workspace_id)
    row = await conversations.get(conversation_id)
    return await conversations.locked(row.flow_id, row.session_id) or row


def _view(row: Message) -> MessageView:
    return MessageView.model_validate(row.model_dump(include=set(MessageView.model_fields)))
