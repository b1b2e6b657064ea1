"""Credentials of the workspace: given, listed by name, removed; never shown."""

from uuid import UUID

from fastapi import APIRouter

from app.api.deps import Caller, Db
from app.auth.permissions import require
from app.schemas.credentials import CredentialBody, CredentialView
from app.services import credentials

router = APIRouter(prefix="/api/credentials", tags=["credentials"])


@router.post("", status_code=201)
async def save_credential(body: CredentialBody, session: Db, caller: Caller) -> CredentialView:
    """Store a credential under the name of the slot that flows use; one of that name is replaced."""
    require(caller, "flows:write")
    return await credentials.save(session, caller, body)


@router.get("")
async def list_credentials(session: Db, caller: Caller) -> list[CredentialView]:
    require(caller, "flows:read")
    return await credentials.list_all(session, caller)


@router.delete("/{credential_id}", status_code=204)
async def delete_credential(credential_id: UUID, session: Db, caller: Caller) -> None:
    require(caller, "flows:write")
    await credentials.delete(session, caller, credential_id)
