"""Conversations of a workspace and their messages."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from app.errors import NotFound
from app.models.conversations import Conversation, Message
from app.models.flow_runs import FlowRun, RunStatus
from app.repositories import blobs
from app.repositories.base import WorkspaceRepository, row_values, table_of


class Conversations(WorkspaceRepository[Conversation]):
    model = Conversation
    missing = "conversation.not_found"

    async def locked(self, flow_id: UUID, session_id: str) -> Conversation | None:
        """The conversation, held until the end of the transaction: its runs get their places in order."""
        query = self.rows().where(
            col(Conversation.flow_id) == flow_id, col(Conversation.session_id) == session_id
        )
        return await self.session.scalar(query.with_for_update())

    async def hold(self, conversation_id: UUID) -> None:
        """Hold a conversation as `locked` does. Raises `NotFound`."""
        query = select(col(Conversation.id)).where(
            col(Conversation.workspace_id) == self.workspace_id, col(Conversation.id) == conversation_id
        )
        if await self.session.scalar(query.with_for_update()) is None:
            raise NotFound(self.missing, session_id=str(conversation_id))

    async def create(self, row: Conversation) -> Conversation:
        """Store a new conversation; where another request was first, that one, locked."""
        stored = await self.session.scalar(_INSERT_CONVERSATION, row_values(row))
        if stored is not None:
            return row
        found = await self.locked(row.flow_id, row.session_id)
        if found is None:
            raise NotFound(self.missing, session_id=row.session_id)
        return found

    async def by_session(self, session_id: str) -> Sequence[Conversation]:
        """All conversations a client calls so; newest first."""
        query = self.rows().where(col(Conversation.session_id) == session_id)
        return (await self.session.scalars(query.order_by(col(Conversation.updated_at).desc()))).all()

    async def of_flow(self, flow_id: UUID, limit: int = 50) -> Sequence[Conversation]:
        """Newest first."""
        query = self.rows().where(col(Conversation.flow_id) == flow_id)
        return (
            await self.session.scalars(query.order_by(col(Conversation.updated_at).desc()).limit(limit))
        ).all()

    async def queued_run(self, conversation_id: UUID) -> FlowRun | None:
        """The conversation's newest run that has not begun, held so that no driver takes it meanwhile."""
        return await self._run(
            conversation_id, col(FlowRun.status) == RunStatus.QUEUED, col(FlowRun.seq) == 0
        )

    async def active_run(self, conversation_id: UUID) -> FlowRun | None:
        """The conversation's newest run that has not ended, held."""
        return await self._run(conversation_id, col(FlowRun.ended_at).is_(None))

    async def _run(self, conversation_id: UUID, *conditions: ColumnElement[bool]) -> FlowRun | None:
        query = select(FlowRun).where(
            col(FlowRun.workspace_id) == self.workspace_id,
            col(FlowRun.conversation_id) == conversation_id,
            *conditions,
        )
        row = await self.session.scalar(query.order_by(col(FlowRun.place).desc()).limit(1).with_for_update())
        if row is not None:
            await blobs.fill(self.session, [row])
        return row


# Statements made once: to put one together costs more than to send it.
_INSERT_MESSAGE = insert(table_of(Message))
_INSERT_CONVERSATION = (
    insert(table_of(Conversation)).on_conflict_do_nothing().returning(table_of(Conversation).c.id)
)


class Messages(WorkspaceRepository[Message]):
    model = Message

    async def of_conversation(self, conversation_id: UUID, limit: int = 500) -> Sequence[Message]:
        """The last `limit`, oldest first."""
        query = self.rows().where(col(Message.conversation_id) == conversation_id)
        newest = query.order_by(col(Message.created_at).desc(), col(Message.id).desc()).limit(limit)
        return list(reversed((await self.session.scalars(newest)).all()))

    async def store(self, row: Message) -> None:
        """Store a message at once, without the session keeping it."""
        await self.session.execute(_INSERT_MESSAGE, row_values(row))

    async def of_run(self, run_id: UUID) -> Sequence[Message]:
        """What a run said, in order."""
        query = self.rows().where(col(Message.run_id) == run_id, col(Message.role) == "assistant")
        return (await self.session.scalars(query.order_by(col(Message.created_at), col(Message.id)))).all()
