"""What model calls cost a workspace, added up."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from app.models.base import moment, text


class Spending(SQLModel, table=True):
    """`scope` is a month in UTC ("2026-11"), or "run:<id>" for a run whose budget its called runs share."""

    __tablename__ = "spending"

    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True, ondelete="CASCADE")
    scope: str = text(primary_key=True)
    usd: float = 0
    calls: int = Field(default=0, sa_type=BigInteger)
    tokens: int = Field(default=0, sa_type=BigInteger)
    updated_at: datetime = moment()
