"""Flows as they are edited, their published versions, the edits that led there, and the documents runs pin."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.base import WorkspaceRow, moment, text


class Flow(WorkspaceRow, table=True):
    """One flow. `document` is canonical `flow/1`; `source` the imported text while nothing was edited since.

    `revision` counts accepted edits from 1. `kind`, `name` and `description` repeat the document for lists.
    """

    __tablename__ = "flow"
    __table_args__ = (Index(None, "workspace_id", "updated_at"),)

    kind: str = text()
    name: str = text()
    description: str = text("")
    document: str = text()
    source: str | None = text(None, nullable=True)
    revision: int = 1
    semantic_hash: str = text()
    published_version: int | None = None
    created_by: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    updated_at: datetime = moment()
    deleted_at: datetime | None = moment(nullable=True)


class FlowVersion(WorkspaceRow, table=True):
    """A published document, never changed."""

    __tablename__ = "flow_version"
    __table_args__ = (UniqueConstraint("flow_id", "number"),)

    flow_id: UUID = Field(foreign_key="flow.id", ondelete="CASCADE")
    number: int
    revision: int
    document: str = text()
    semantic_hash: str = text()
    note: str = text("")
    created_by: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    author: str = text("")


class FlowEdit(WorkspaceRow, table=True):
    """One accepted operation: what it was, how to take it back, who did it. One row a revision."""

    __tablename__ = "flow_edit"
    __table_args__ = (UniqueConstraint("flow_id", "revision"), UniqueConstraint("flow_id", "op_id"))

    flow_id: UUID = Field(foreign_key="flow.id", ondelete="CASCADE")
    revision: int
    client_id: str = text()
    op_id: str = text()
    operation: str = text()
    inverse: str = text()
    actor_id: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    actor_name: str = text("")


class FlowSnapshot(SQLModel, table=True):
    """The document behind a semantic hash, kept for the runs that pin it. Belongs to nobody: it is its content."""

    __tablename__ = "flow_snapshot"

    hash: str = text(primary_key=True)
    document: str = text()
    created_at: datetime = moment()
