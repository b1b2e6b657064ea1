"""What runs wait for, and the signals that end it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Index, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from app.models.base import WorkspaceRow, empty_dict, empty_list, moment, text


class FlowWait(WorkspaceRow, table=True):
    """A step that waits. Open until the journal has what came of it (`closed`).

    `keys` are the events it listens to; at `due_at` it ends by itself. `answers` are decisions so far, and
    `resolved_at` says that there is nothing more to decide. A task nobody waits for has no step behind it.
    """

    __tablename__ = "flow_wait"
    __table_args__ = (
        Index("ix_flow_wait_due", "due_at", postgresql_where=sql("resolved_at IS NULL AND NOT closed")),
        Index("ix_flow_wait_keys", "keys", postgresql_using="gin", postgresql_where=sql("NOT closed")),
        Index("ix_flow_wait_run_id", "run_id", "node", "path"),
        Index("ix_flow_wait_inbox", "workspace_id", "kind", "created_at"),
    )

    run_id: UUID = Field(foreign_key="flow_run.id", ondelete="CASCADE")
    flow_id: UUID | None = Field(default=None, foreign_key="flow.id", ondelete="SET NULL")
    conversation_id: UUID | None = Field(default=None, foreign_key="conversation.id", ondelete="SET NULL")
    node: str = text()
    path: str = text("")
    kind: str = text()
    keys: list[str] = Field(default_factory=empty_list, sa_column=Column(ARRAY(Text()), nullable=False))
    due_at: datetime | None = moment(nullable=True)
    data: dict[str, Any] = Field(default_factory=empty_dict, sa_column=Column(JSON(), nullable=False))
    answers: list[Any] = Field(default_factory=empty_list, sa_column=Column(JSON(), nullable=False))
    resolution: str = text("")
    resolved_by: str = text("")
    resolved_at: datetime | None = moment(nullable=True)
    detached: bool = False
    closed: bool = False


class FlowSignal(SQLModel, table=True):
    """Something that a waiting step has yet to hear: its driver takes the oldest first."""

    __tablename__ = "flow_signal"
    __table_args__ = (Index(None, "run_id", "created_at"),)

    id: UUID = Field(primary_key=True)
    created_at: datetime = moment()
    run_id: UUID = Field(foreign_key="flow_run.id", ondelete="CASCADE")
    node: str = text()
    path: str = text("")
    value: dict[str, Any] = Field(sa_column=Column(JSON(), nullable=False))
