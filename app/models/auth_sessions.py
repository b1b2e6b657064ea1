"""Sign-ins: a browser's cookie or a family of refresh tokens. Secrets are stored as hashes alone."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from app.models.base import Row, moment, text


class AuthSession(Row, table=True):
    """One sign-in of one person in one workspace. `cookie_hash` is empty for a sign-in by the API."""

    __tablename__ = "auth_session"

    account_id: UUID = Field(foreign_key="account.id", index=True, ondelete="CASCADE")
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE")
    cookie_hash: str | None = text(None, unique=True, nullable=True)
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class RefreshToken(Row, table=True):
    """One token of a family. Using a rotated one again revokes the whole family."""

    __tablename__ = "refresh_token"

    family_id: UUID = Field(foreign_key="auth_session.id", index=True, ondelete="CASCADE")
    token_hash: str = text(unique=True)
    expires_at: datetime = moment()
    rotated_at: datetime | None = moment(nullable=True)


class EnterCode(SQLModel, table=True):
    """A one-time code that turns a sign-in made on a page into a cookie."""

    __tablename__ = "enter_code"

    code_hash: str = text(primary_key=True)
    account_id: UUID = Field(foreign_key="account.id", ondelete="CASCADE")
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE")
    expires_at: datetime = moment()
