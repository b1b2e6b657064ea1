"""People, the workspaces they work in, and who belongs where."""

from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from app.models.base import Row, text


class Account(Row, table=True):
    """A person. `email` is stored as `normalised` writes it, so an address belongs to one person."""

    __tablename__ = "account"

    email: str = text(unique=True)
    name: str = text()
    password_hash: str = text()
    locale: str = text("")


class Workspace(Row, table=True):
    """The budgets are for a month in UTC; null is no limit."""

    __tablename__ = "workspace"

    name: str = text()
    budget_usd: float | None = None
    budget_calls: int | None = Field(default=None, sa_type=BigInteger)
    budget_tokens: int | None = Field(default=None, sa_type=BigInteger)


class Membership(SQLModel, table=True):
    __tablename__ = "membership"

    account_id: UUID = Field(foreign_key="account.id", primary_key=True, ondelete="CASCADE")
    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True, index=True, ondelete="CASCADE")
    role: str = text("owner")
