"""Credentials of the workspace: given, listed by name, replaced, removed; never shown."""

from uuid import UUID

from fastapi import APIRouter

from app.api.deps import Caller, Db
from app.schemas.credentials import CredentialBody, CredentialView, NewSecret
from app.services import credentials

router = APIRouter(prefix="/api/credentials", tags=["credentials"])


@router.post("", status_code=201)
async def save_credential(body: CredentialBody, session: Db, caller: Caller) -> CredentialView:
    """Store a credential under the name of the slot that flows use; one of that name is replaced."""
    return await credentials.save(session, caller, body)


@router.get("")
async def list_credentials(session: Db, caller: Caller) -> list[CredentialView]:
    """Without their secrets, with who made each and the flows that use it."""
    return await credentials.list_all(session, caller)


@router.put("/{credential_id}")
async def rotate_credential(
    credential_id: UUID, body: NewSecret, session: Db, caller: Caller
) -> CredentialView:
    """Put a new secret in place of the old one; name and kind stay."""
    return await credentials.rotate(session, caller, credential_id, body)


@router.delete("/{credential_id}", status_code=204)
async def delete_credential(credential_id: UUID, session: Db, caller: Caller) -> None:
    await credentials.delete(session, caller, credential_id)
