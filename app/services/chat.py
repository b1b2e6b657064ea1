"""Talking to a flow: a conversation, a message, a run, an answer. Runs of one conversation go one after another."""

from typing import Any
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import new_id, now
from app.core.db import unit_of_work
from app.core.ids import ConversationId
from app.core.principal import Principal
from app.errors import NotFound
from app.models.conversations import Conversation, Message
from app.models.flow_runs import FlowRun
from app.repositories.conversations import Conversations, Messages
from app.repositories.flow_runs import FlowRuns, RunnableFlows
from app.repositories.journal import load_events
from app.schemas.flow_runs import ChatAnswer, ChatRequest, ChatUsage, ConversationView, MessageView
from app.services import flow_runs, snapshots

_TITLE = 80


async def say(
    session: AsyncSession, principal: Principal, asked: ChatRequest, source: str = "chat"
) -> tuple[UUID, str]:
    """Store the message and queue the run that answers it. Returns the run's id and the session id."""
    runnable = await flow_runs.choose(session, principal, asked.flow_id, asked.draft)
    snapshot = snapshots.of(runnable.document, runnable.semantic_hash)
    conversation = await _conversation(session, principal, asked, source)
    run_input = {"message": asked.message, "session_id": conversation.session_id}
    options = {"temperature": asked.temperature, "max_tokens": asked.max_tokens}
    row = FlowRun(
        workspace_id=principal.workspace_id,
        flow_id=asked.flow_id,
        version=runnable.version,
        snapshot_hash=runnable.semantic_hash,
        trigger="",
        input=run_input,
        scope={"conversation": {"id": str(conversation.id), "session_id": conversation.session_id}},
        options={"stream": asked.stream}
        | {name: value for name, value in options.items() if value is not None},
        conversation_id=conversation.id,
        source=source,
    )
    run_id = await flow_runs.queue(session, principal, row, snapshot, chat=True)
    message = Message(
        workspace_id=principal.workspace_id,
        conversation_id=conversation.id,
        run_id=run_id,
        role="user",
        text=asked.message,
    )
    Messages(session, principal.workspace_id).add(message)
    return run_id, conversation.session_id


async def begin(principal: Principal, asked: ChatRequest, source: str, *, wait: bool) -> tuple[UUID, str]:
    """`say` in a transaction of its own; with `wait` the run has ended (or takes very long) when it returns."""
    session_id = ""

    async def queueing(session: AsyncSession) -> UUID:
        nonlocal session_id
        run_id, session_id = await say(session, principal, asked, source)
        return run_id

    run_id = await flow_runs.begin(principal, queueing, wait=wait)
    return run_id, session_id


async def _conversation(
    session: AsyncSession, principal: Principal, asked: ChatRequest, source: str
) -> Conversation:
    """The session's conversation, locked, or a new one."""
    conversations = Conversations(session, principal.workspace_id)
    if asked.session_id is not None:
        found = await conversations.locked(asked.flow_id, asked.session_id)
        if found is not None:
            found.updated_at = now()
            return found
    conversation_id = ConversationId(new_id())
    return await conversations.create(
        Conversation(
            id=conversation_id,
            workspace_id=principal.workspace_id,
            flow_id=asked.flow_id,
            session_id=asked.session_id or str(conversation_id),
            title=asked.message[:_TITLE],
            source=source,
            created_by=principal.user_id,
        )
    )


async def answer(principal: Principal, run_id: UUID, session_id: str) -> ChatAnswer:
    """What the run answered, how and at what price."""
    async with unit_of_work() as session:
        row = await FlowRuns(session, principal.workspace_id).get(run_id)
        events = await load_events(session, run_id)
    done = [event for event in events if event["type"] == "step.succeeded"]
    used = [event["usage"] for event in done if event.get("usage")]
    usage = ChatUsage.model_validate(row.usage or {})
    messages = _said(row)
    return ChatAnswer(
        session_id=session_id,
        run_id=run_id,
        message_id=messages[-1].id if messages else None,
        response="\n\n".join(message.text for message in messages),
        messages=messages,
        model=next((each.get("model") for each in reversed(used) if each.get("model")), None),
        usage=usage,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        cost_usd=usage.cost_usd,
        citations=[],
        path=[event["node"] for event in done],
        status=row.status,
        error=flow_runs.error_in_words(row.error, principal.locale),
    )


def _said(row: FlowRun) -> list[MessageView]:
    """What was sent; a flow that sends nothing answers with its output."""
    sent: list[dict[str, Any]] = list(row.messages)
    text = output_text(row.output)
    if not sent and text:
        sent = [{"id": str(row.id), "text": text}]
    return [
        MessageView(
            id=message_id(row.id, message["id"]),
            role="assistant",
            text=message["text"],
            buttons=message.get("buttons") or [],
            run_id=row.id,
            created_at=row.ended_at or now(),
        )
        for message in sent
    ]


def message_id(run_id: UUID, key: str) -> UUID:
    """The row id of what a step said under `key`; a repeat of the step is the same row."""
    return uuid5(run_id, key)


def output_text(output: Any) -> str:
    """The text of a run's output that can be said in a chat: the text itself, or its `text` field."""
    if isinstance(output, dict):
        output = output.get("text")
    return output if isinstance(output, str) else ""


async def history(session: AsyncSession, principal: Principal, session_id: str) -> list[MessageView]:
    """The messages of a session, oldest first. Raises `NotFound` for a session of another workspace."""
    found = await Conversations(session, principal.workspace_id).by_session(session_id)
    if not found:
        raise NotFound("conversation.not_found", session_id=session_id)
    rows = await Messages(session, principal.workspace_id).of_conversation(found[0].id)
    return [MessageView.model_validate(row.model_dump(include=set(MessageView.model_fields))) for row in rows]


async def conversations(session: AsyncSession, principal: Principal, flow_id: UUID) -> list[ConversationView]:
    """The last conversations with a flow, newest first."""
    await RunnableFlows(session, principal.workspace_id).draft(flow_id)
    rows = await Conversations(session, principal.workspace_id).of_flow(flow_id)
    fields = set(ConversationView.model_fields)
    return [ConversationView.model_validate(row.model_dump(include=fields)) for row in rows]
