"""People and sign-ins as the API shows them. Bodies follow the contract of the auth module it replaces."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Schema(BaseModel):
    """Base of every body: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SignUpBody(Schema):
    """A new person. `cookie` also signs the browser in, for calls from this site's own pages."""

    email: Annotated[str, Field(max_length=320, examples=["user@example.com"])]
    password: Annotated[str, Field(max_length=1_000, examples=["securePassword123"])]
    name: Annotated[str, Field(max_length=120, examples=["Имя Пользователя"])] = ""
    cookie: bool = False


class LogInBody(Schema):
    email: Annotated[str, Field(max_length=320, examples=["user@example.com"])]
    password: Annotated[str, Field(max_length=1_000, examples=["securePassword123"])]
    cookie: bool = False


class RefreshBody(Schema):
    refresh_token: Annotated[str, Field(max_length=200)]


class LogOutBody(Schema):
    refresh_token: Annotated[str, Field(max_length=200)] = ""


class UserView(Schema):
    id: UUID
    email: str
    name: str


class SignUpView(Schema):
    message: str
    user: UserView


class TokensView(Schema):
    access_token: str
    refresh_token: str
    token_type: str = "bearer"  # noqa: S105 - the scheme's name
    expires_in: Annotated[int, Field(description="Seconds until the access token is over.")]


class LogInView(TokensView):
    user: UserView


class MeView(Schema):
    user: UserView
    workspace_id: UUID
    role: str
    scopes: list[str]
    locale: str


class ApiKeyBody(Schema):
    """A new key. Without `scopes` it may read and change flows and runs."""

    name: Annotated[str, Field(max_length=120)] = ""
    scopes: list[str] | None = None
    expires_at: datetime | None = None


class ApiKeyView(Schema):
    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewApiKeyView(ApiKeyView):
    key: Annotated[str, Field(description="Shown this once.")]
