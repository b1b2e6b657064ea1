"""Who is asking: a person or a key, in one workspace, with what it may do."""

from dataclasses import dataclass
from typing import Literal

from app.core.ids import AccountId, AuthSessionId, WorkspaceId

Role = Literal["owner", "editor", "viewer"]
Via = Literal["token", "cookie", "api_key", "command"]


@dataclass(frozen=True, slots=True)
class Principal:
    """`session_id` is the sign-in this call came by (the refresh family, the cookie), None for a key."""

    user_id: AccountId
    workspace_id: WorkspaceId
    role: Role
    scopes: frozenset[str]
    name: str
    email: str
    locale: str
    via: Via
    session_id: AuthSessionId | None = None

    def may(self, scope: str) -> bool:
        return scope in self.scopes
