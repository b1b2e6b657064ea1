"""Keys that programs use instead of a person's sign-in."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from app.models.base import WorkspaceRow, moment, text


class ApiKey(WorkspaceRow, table=True):
    """`prefix` is the readable beginning shown in lists; the key itself is stored as a hash. `scopes`: by spaces."""

    __tablename__ = "api_key"

    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE")
    name: str = text("")
    prefix: str = text()
    key_hash: str = text(unique=True)
    scopes: str = text()
    expires_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)
