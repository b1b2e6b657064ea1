"""Credentials: stored sealed, used by the name of their slot, never shown again."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions
from app.core import vault
from app.core.clock import now
from app.core.ids import WorkspaceId
from app.core.principal import Principal
from app.errors import Conflict, Invalid
from app.models.credentials import Credential
from app.repositories.credentials import Credentials
from app.schemas.credentials import CredentialBody, CredentialView, NewSecret, UsingFlow
from app.services import credential_slots

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bearer": ("token",),
    "basic": ("username", "password"),
    "header": ("name", "value"),
    "query": ("name", "value"),
    "hmac": ("secret",),
}


class WrongValues(Invalid):
    """`context["needs"]` names what this kind of credential consists of."""

    code = "credential.wrong_values"


class NameTaken(Conflict):
    """A new credential replaces no other one."""

    code = "credential.name_taken"


async def save(session: AsyncSession, principal: Principal, body: CredentialBody) -> CredentialView:
    """Store a credential; one of the same name is replaced. Raises `WrongValues`."""
    permissions.require(principal, "flows:write")
    row = await Credentials(session, principal.workspace_id).by_name(body.name)
    if row is None:
        return await _add(session, principal, body)
    row.kind, row.sealed, row.updated_at = body.kind, _sealed(body.kind, body.values), now()
    await session.flush()
    return _view(row)


async def create(session: AsyncSession, principal: Principal, body: CredentialBody) -> CredentialView:
    """Store a credential under a name that is free. Raises `NameTaken`, `WrongValues`."""
    permissions.require(principal, "flows:write")
    if await Credentials(session, principal.workspace_id).by_name(body.name) is not None:
        raise NameTaken(path="body.name", name=body.name)
    return await _add(session, principal, body)


async def rotate(
    session: AsyncSession, principal: Principal, credential_id: UUID, body: NewSecret
) -> CredentialView:
    """Put a new secret in place of the old one; flows use it from their next call on. Raises `NotFound`, `WrongValues`."""
    permissions.require(principal, "flows:write")
    row = await Credentials(session, principal.workspace_id).get(credential_id)
    row.sealed, row.updated_at = _sealed(row.kind, body.values), now()
    await session.flush()
    return _view(row)


async def list_all(session: AsyncSession, principal: Principal) -> list[CredentialView]:
    """By name, with who made each and which flows use its slot."""
    permissions.require(principal, "flows:read")
    rows = await Credentials(session, principal.workspace_id).with_authors()
    used = await credential_slots.used(session, principal.workspace_id) if rows else {}
    return [_view(row, author, used.get(row.name, [])) for row, author in rows]


async def delete(session: AsyncSession, principal: Principal, credential_id: UUID) -> None:
    """Raises `NotFound`."""
    permissions.require(principal, "flows:write")
    await session.delete(await Credentials(session, principal.workspace_id).get(credential_id))


async def opened(
    session: AsyncSession, workspace_id: WorkspaceId, name: str
) -> tuple[str, dict[str, Any]] | None:
    """A credential's kind and values; None where the slot is empty. Sealed anew when its key is no longer the first."""
    row = await Credentials(session, workspace_id).by_name(name)
    if row is None:
        return None
    values = vault.unseal(row.sealed)
    if not vault.is_current(row.sealed):
        row.sealed = vault.seal(values)
    return row.kind, values


async def _add(session: AsyncSession, principal: Principal, body: CredentialBody) -> CredentialView:
    row = Credential(
        workspace_id=principal.workspace_id,
        name=body.name,
        kind=body.kind,
        sealed=_sealed(body.kind, body.values),
        created_by=principal.user_id,
    )
    Credentials(session, principal.workspace_id).add(row)
    await session.flush()
    return _view(row)


def _sealed(kind: str, values: Mapping[str, str]) -> str:
    needs = NEEDS[kind]
    if set(values) != set(needs):
        raise WrongValues(path="body.values", kind=kind, needs=", ".join(sorted(needs)))
    return vault.seal(dict(values))


def _view(row: Credential, author: str = "", flows: list[UsingFlow] | None = None) -> CredentialView:
    stored = row.model_dump(include={"id", "name", "kind", "created_at", "updated_at"})
    return CredentialView.model_validate({**stored, "author": author, "flows": flows or []})
