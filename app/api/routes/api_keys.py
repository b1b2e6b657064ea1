"""Keys for programs."""

from uuid import UUID

from fastapi import APIRouter

from app.api.deps import Caller, Db
from app.schemas.accounts import ApiKeyBody, ApiKeyView, NewApiKeyView
from app.services import api_keys

router = APIRouter(prefix="/api/api-keys", tags=["api keys"])


@router.post("", status_code=201)
async def create(caller: Caller, session: Db, body: ApiKeyBody | None = None) -> NewApiKeyView:
    """Make a key. It is shown in this answer and never again."""
    return await api_keys.create(session, caller, body or ApiKeyBody())


@router.get("")
async def list_keys(caller: Caller, session: Db) -> list[ApiKeyView]:
    return await api_keys.list_keys(session, caller)


@router.delete("/{key_id}", status_code=204)
async def revoke(key_id: UUID, caller: Caller, session: Db) -> None:
    """End a key at once."""
    await api_keys.revoke(session, caller, key_id)
