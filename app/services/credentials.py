"""Credentials: stored sealed, used by the name of their slot, never shown again."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import vault
from app.core.clock import now
from app.core.ids import WorkspaceId
from app.core.principal import Principal
from app.errors import Invalid
from app.models.credentials import Credential
from app.repositories.credentials import Credentials
from app.schemas.credentials import CredentialBody, CredentialView

_NEEDS: Final = {
    "bearer": {"token"},
    "basic": {"username", "password"},
    "header": {"name", "value"},
    "query": {"name", "value"},
    "hmac": {"secret"},
}


class WrongValues(Invalid):
    """`context["needs"]` names what this kind of credential consists of."""

    code = "credential.wrong_values"


async def save(session: AsyncSession, principal: Principal, body: CredentialBody) -> CredentialView:
    """Store a credential; one of the same name is replaced."""
    needs = _NEEDS[body.kind]
    if set(body.values) != needs:
        raise WrongValues(path="body.values", kind=body.kind, needs=", ".join(sorted(needs)))
    credentials = Credentials(session, principal.workspace_id)
    row = await credentials.by_name(body.name)
    sealed = vault.seal(body.values)
    if row is None:
        row = credentials.add(
            Credential(
                workspace_id=principal.workspace_id,
                name=body.name,
                kind=body.kind,
                sealed=sealed,
                created_by=principal.user_id,
            )
        )
    else:
        row.kind, row.sealed, row.updated_at = body.kind, sealed, now()
    await session.flush()
    return _view(row)


async def list_all(session: AsyncSession, principal: Principal) -> list[CredentialView]:
    return [_view(row) for row in await Credentials(session, principal.workspace_id).all()]


async def delete(session: AsyncSession, principal: Principal, credential_id: UUID) -> None:
    """Raises `NotFound`."""
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


def _view(row: Credential) -> CredentialView:
    return CredentialView.model_validate(row.model_dump(include=set(CredentialView.model_fields)))
