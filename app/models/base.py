"""Columns that tables share. Tables have no relationships: a repository joins what it needs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlmodel import Field, SQLModel

from app.core.clock import new_id, now


def moment(**options: Any) -> Any:
    """A point in time, with its zone. `nullable=True` starts empty."""
    if options.get("nullable"):
        return Field(default=None, sa_type=DateTime(timezone=True), **options)
    return Field(default_factory=now, sa_type=DateTime(timezone=True), **options)


def text(default: Any = ..., **options: Any) -> Any:
    """Text of any length, kept as it is: order of keys and spacing of JSON included."""
    return Field(default, sa_type=Text, **options)


class Row(SQLModel):
    """A row with an id that sorts by age."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    created_at: datetime = moment()


class WorkspaceRow(Row):
    """A row that belongs to one workspace; repositories never show it to another."""

    workspace_id: UUID = Field(foreign_key="workspace.id", index=True, ondelete="CASCADE")
