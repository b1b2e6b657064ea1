"""Conversations with a flow and the messages said in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field

from app.models.base import WorkspaceRow, empty_dict, empty_list, moment, text


class Conversation(WorkspaceRow, table=True):
    """One session of one person with one flow. `state` holds the flow's variables of scope `conversation`.

    While `taken_over_at` is set a person leads it and the flow is silent. `opted_out_at`: no more sequences.
    """

    __tablename__ = "conversation"
    __table_args__ = (UniqueConstraint("flow_id", "session_id"),)

    flow_id: UUID = Field(foreign_key="flow.id", ondelete="CASCADE")
    session_id: str = text()
    title: str = text("")
    source: str = text("api")
    state: dict[str, Any] = Field(default_factory=empty_dict, sa_column=Column(JSON(), nullable=False))
    created_by: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    updated_at: datetime = moment()
    taken_over_at: datetime | None = moment(nullable=True)
    taken_over_by: str = text("")
    opted_out_at: datetime | None = moment(nullable=True)


class Message(WorkspaceRow, table=True):
    """One message. `role` is `user` or `assistant`; where a person spoke for the flow, `author` is their name.

    An assistant's id follows from the step that sent it.
    """

    __tablename__ = "message"
    __table_args__ = (Index(None, "conversation_id", "created_at"),)

    conversation_id: UUID = Field(foreign_key="conversation.id", ondelete="CASCADE")
    run_id: UUID | None = Field(default=None, foreign_key="flow_run.id", ondelete="SET NULL", index=True)
    role: str = text()
    author: str = text("")
    text: str = text()
    buttons: list[Any] = Field(default_factory=empty_list, sa_column=Column(JSON(), nullable=False))
