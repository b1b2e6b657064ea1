"""Credentials as they are given and shown: a secret goes in and never comes out."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["bearer", "basic", "header", "query", "hmac"]
Text = Annotated[str, Field(min_length=1, max_length=8_000)]
Values = Annotated[dict[str, Text], Field(max_length=4)]


class CredentialBody(BaseModel):
    """`values` by kind: bearer {token}, basic {username, password}, header and query {name, value}, hmac {secret}."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,59}$")]
    kind: Kind
    values: Values


class NewSecret(BaseModel):
    """New `values` of the credential's own kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: Values


class UsingFlow(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str


class CredentialView(BaseModel):
    """`author` made it; `flows` use its slot, as they are edited or as they are published."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    kind: Kind
    created_at: datetime
    updated_at: datetime
    author: str = ""
    flows: list[UsingFlow] = []
