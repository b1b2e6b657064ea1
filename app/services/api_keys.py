"""Keys for programs: made, listed, revoked. The key itself is seen once, by the one who made it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import permissions, principals, tokens
from app.core.clock import now
from app.core.db import after_commit
from app.core.principal import Principal
from app.errors import Invalid
from app.models.api_keys import ApiKey
from app.repositories.api_keys import ApiKeys
from app.schemas.accounts import ApiKeyBody, ApiKeyView, NewApiKeyView

_SHOWN = 10


async def create(session: AsyncSession, principal: Principal, body: ApiKeyBody) -> NewApiKeyView:
    """A new key of the caller. Raises `Denied` for scopes the caller lacks, `Invalid` for a past expiry."""
    permissions.require(principal, "keys:write")
    scopes = permissions.grantable(principal, permissions.KEY_DEFAULT if body.scopes is None else body.scopes)
    expires_at = body.expires_at
    if expires_at and (expires_at.tzinfo is None or expires_at <= now()):
        raise Invalid("api_key.expiry_unusable", path="body.expires_at")
    secret, hashed = tokens.new_secret(tokens.API_KEY_PREFIX)
    key = ApiKeys(session, principal.workspace_id).add(
        ApiKey(
            workspace_id=principal.workspace_id,
            account_id=principal.user_id,
            name=body.name.strip(),
            prefix=secret[:_SHOWN],
            key_hash=hashed,
            scopes=" ".join(scopes),
            expires_at=expires_at,
        )
    )
    await session.flush()
    return NewApiKeyView(**_view(key).model_dump(), key=secret)


async def list_keys(session: AsyncSession, principal: Principal) -> list[ApiKeyView]:
    permissions.require(principal, "keys:read")
    return [_view(key) for key in await ApiKeys(session, principal.workspace_id).list()]


async def revoke(session: AsyncSession, principal: Principal, key_id: UUID) -> None:
    """End a key at once. Raises `NotFound`."""
    permissions.require(principal, "keys:write")
    key = await ApiKeys(session, principal.workspace_id).get(key_id)
    key.revoked_at = key.revoked_at or now()

    async def forget() -> None:
        principals.forget()

    after_commit(session, forget)


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes.split(),
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )
