"""Results of steps that later runs may have instead of asking again."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.models.base import moment, text


class KeptResult(SQLModel, table=True):
    """`key` is a hash of everything the result depends on, the workspace included."""

    __tablename__ = "kept_result"

    key: str = text(primary_key=True)
    workspace_id: UUID = Field(foreign_key="workspace.id", index=True, ondelete="CASCADE")
    created_at: datetime = moment()
    expires_at: datetime = moment(index=True)
    result: str = text()
