"""Credentials of a workspace, sealed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.models.base import WorkspaceRow, moment, text


class Credential(WorkspaceRow, table=True):
    """A secret that flows use by the name of its slot; `sealed` is never shown again."""

    __tablename__ = "credential"
    __table_args__ = (UniqueConstraint("workspace_id", "name"),)

    name: str = text()
    kind: str = text()
    sealed: str = text()
    created_by: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    updated_at: datetime = moment()
