"""Talking to a flow: a conversation, a message, a run, an answer. Runs of one conversation go one after another."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import jobs
from app.core.clock import new_id, now
from app.core.db import after_commit, unit_of_work
from app.core.ids import ConversationId
from app.core.principal import Principal
from app.errors import NotFound
from app.flows.live import live
from app.models.base import new_row
from app.models.conversations import Conversation, Message
from app.models.flow_runs import FlowRun
from app.realtime.publish import CANCELS, tell
from app.repositories import blobs, database_clock, leases, waits
from app.repositories.conversations import Conversations, Messages
from app.repositories.flow_runs import Answered, FlowRuns, RunnableFlows, answered
from app.repositories.journal import load_events
from app.schemas.flow_runs import ChatAnswer, ChatRequest, ChatUsage, ConversationView, MessageView
from app.services import flow_runs
from app.services.snapshots import Snapshot
from app.services.storable import refuse_unstorable

_TITLE = 80


class Said(NamedTuple):
    """What became of a message: the run that answers it (None while a person leads the conversation), and how many
    of the run's messages and live events were there before.
    """

    run_id: UUID | None
    session_id: str
    messages_before: int = 0
    events_before: int = 0


async def say(session: AsyncSession, principal: Principal, asked: ChatRequest, source: str = "chat") -> Said:
    """Store the message and let it be answered: by a person, by a step that waits for a reply, or by a run.

    Raises `NotStorable`, and what `flow_runs.queue_stored` raises.
    """
    check(asked)
    conversation = await _conversation(session, principal, asked, source)
    message = new_message(principal, asked, conversation.id)
    said = None
    if asked.session_id is not None:  # in a new conversation nobody waits
        said = await _to_one_who_waits(session, principal, conversation, asked)
    if said is None:
        said = await _to_a_run(session, principal, conversation, asked, source)
    message.run_id = said.run_id
    await Messages(session, principal.workspace_id).store(message)
    return said


async def _to_one_who_waits(
    session: AsyncSession, principal: Principal, conversation: Conversation, asked: ChatRequest
) -> Said | None:
    """A person who leads the conversation, or the steps that asked something in it."""
    value = {"message": asked.message, "session_id": conversation.session_id}
    signal = {"kind": "event", "source": "reply", "value": value}
    key = waits.reply_key(conversation.id, conversation.id)
    runs = await waits.deliver(session, principal.workspace_id, [key], signal)
    if not runs:
        return Said(None, conversation.session_id) if conversation.taken_over_at else None
    for run_id in runs:
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(run_id)}, durable=False)
    row = await FlowRuns(session, principal.workspace_id).get(runs[0])
    snapshot = await flow_runs.pinned(session, row.snapshot_hash)
    before = len(live(snapshot.plan, await load_events(session, row.id)))
    return Said(row.id, conversation.session_id, len(row.messages), before)


async def _to_a_run(
    session: AsyncSession,
    principal: Principal,
    conversation: Conversation,
    asked: ChatRequest,
    source: str,
) -> Said:
    """As the flow's conversation settings say: a run of its own, merged into the one that waits, or a restart."""
    snapshot, version = await flow_runs.choose(session, principal, asked.flow_id, asked.draft)
    settings, message = snapshot.flow.settings.conversation, asked.message
    conversations = Conversations(session, principal.workspace_id)
    if settings.on_new_message == "merge":
        waiting = await conversations.queued_run(conversation.id)
        if waiting is not None:
            given = waiting.input if isinstance(waiting.input, dict) else {}
            merged = {**given, "message": f"{given.get('message', '')}\n{message}"}
            waiting.hold_until = await _hold(session, settings.debounce_s)
            await blobs.replace_input(session, waiting, merged)
            return Said(waiting.id, conversation.session_id)
    if settings.on_new_message == "restart":
        message = await _superseding(session, principal, conversation, message)
    row = new_run(principal, asked, source, (snapshot, version), conversation.id, conversation.session_id)
    row.input = {**row.input, "message": message}
    row.hold_until = None if settings.on_new_message == "queue" else await _hold(session, settings.debounce_s)
    return Said(await flow_runs.queue(session, principal, row, snapshot, chat=True), conversation.session_id)


def check(asked: ChatRequest) -> None:
    """Raises `NotStorable`."""
    refuse_unstorable({"message": asked.message, "session_id": asked.session_id}, "body")


def new_message(principal: Principal, asked: ChatRequest, conversation_id: UUID) -> Message:
    """What was said, as a row."""
    return new_row(
        Message,
        workspace_id=principal.workspace_id,
        conversation_id=conversation_id,
        role="user",
        text=asked.message,
    )


def new_conversation(principal: Principal, asked: ChatRequest, source: str) -> Conversation:
    """A conversation that begins with this message, as a row."""
    conversation_id = ConversationId(new_id())
    return new_row(
        Conversation,
        id=conversation_id,
        workspace_id=principal.workspace_id,
        flow_id=asked.flow_id,
        session_id=asked.session_id or str(conversation_id),
        title=asked.message[:_TITLE],
        source=source,
        created_by=principal.user_id,
    )


def new_run(
    principal: Principal,
    asked: ChatRequest,
    source: str,
    pinned: tuple[Snapshot, int | None],
    conversation_id: UUID,
    session_id: str,
) -> FlowRun:
    """The run that answers, as a row that `flow_runs.prepare` completes."""
    wishes = {"temperature": asked.temperature, "max_tokens": asked.max_tokens}
    options: dict[str, Any] = {name: value for name, value in wishes.items() if value is not None}
    snapshot, version = pinned
    return new_row(
        FlowRun,
        workspace_id=principal.workspace_id,
        flow_id=asked.flow_id,
        version=version,
        snapshot_hash=snapshot.hash,
        trigger="",
        input={"message": asked.message, "session_id": session_id},
        scope={"conversation": {"id": str(conversation_id), "session_id": session_id}},
        options={"stream": asked.stream, "told": True, **options},
        conversation_id=conversation_id,
        source=source,
        simulate=asked.simulate,
    )


async def _hold(session: AsyncSession, debounce_s: float) -> datetime | None:
    """When a run may begin that waits for the end of a burst."""
    if debounce_s <= 0:
        return None
    return await database_clock.moment(session) + timedelta(seconds=debounce_s)


async def _superseding(
    session: AsyncSession, principal: Principal, conversation: Conversation, message: str
) -> str:
    """Give up the conversation's run where no effect has left yet. Returns what the new run shall answer."""
    active = await Conversations(session, principal.workspace_id).active_run(conversation.id)
    if active is None:
        return message
    snapshot = await flow_runs.pinned(session, active.snapshot_hash)
    if _acted(snapshot, await load_events(session, active.id)):
        return message
    for asked in await leases.request_cancel(session, principal.workspace_id, active.id):
        await jobs.enqueue(session, jobs.DRIVE_RUN, {"run_id": str(asked)}, durable=False)
        after_commit(session, partial(tell, CANCELS, str(asked)))
    before = active.input.get("message", "") if isinstance(active.input, dict) else ""
    return f"{before}\n{message}" if before else message


def _acted(snapshot: Snapshot, events: Sequence[Any]) -> bool:
    """Whether a step of the run did something to the world, or may have."""
    plan = snapshot.plan
    return any(
        event["type"] == "step.sent"
        or event.get("messages")
        or (
            event["type"] == "step.succeeded"
            and plan.by_id[event["node"]].effects in ("idempotent", "unsafe")
        )
        for event in events
    )


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
    return await conversations.create(new_conversation(principal, asked, source))


async def answer(principal: Principal, said: Said, told: Answered | None = None) -> ChatAnswer:
    """What the run answered, how and at what price. `told`: what the run's end brought, where it did."""
    if said.run_id is None:
        return ChatAnswer(
            session_id=said.session_id,
            run_id=None,
            message_id=None,
            response="",
            messages=[],
            model=None,
            usage=ChatUsage(),
            tokens=0,
            cost_usd=None,
            citations=[],
            path=[],
            status="waiting",
            error=None,
            taken_over=True,
        )
    if told is None:
        async with unit_of_work() as session:
            told = await answered(session, principal.workspace_id, said.run_id)
    row = told
    done = [(node, used) for kind, node, used, _ in row.steps if kind == "step.succeeded"]
    waits_for = [wait for kind, _, _, wait in row.steps if kind == "step.waiting"]
    usage = ChatUsage.model_validate(row.usage or {})
    messages = _said(said.run_id, row)[said.messages_before :]
    return ChatAnswer(
        session_id=said.session_id,
        run_id=said.run_id,
        message_id=messages[-1].id if messages else None,
        response="\n\n".join(message.text for message in messages),
        messages=messages,
        model=next((used["model"] for _, used in reversed(done) if used and used.get("model")), None),
        usage=usage,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        cost_usd=usage.cost_usd,
        citations=[],
        path=[node for node, _ in done],
        status=row.status,
        error=flow_runs.error_in_words(row.error, principal.locale),
        taken_over=row.status == "waiting" and "takeover" in waits_for,
    )


def _said(run_id: UUID, row: Answered) -> list[MessageView]:
    """What was sent; a flow that sends nothing answers with its output."""
    sent: list[dict[str, Any]] = list(row.messages)
    text = output_text(row.output)
    if not sent and text:
        sent = [{"id": str(run_id), "text": text}]
    return [
        MessageView(
            id=message_id(run_id, message["id"]),
            role="assistant",
            text=message["text"],
            buttons=message.get("buttons") or [],
            run_id=run_id,
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
