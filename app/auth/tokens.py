"""Access tokens (JWT, signed with a key derived from the ring, named by `kid`) and opaque secrets kept as hashes."""

import hashlib
import hmac
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import jwt

from app.core.clock import now, token
from app.core.ids import AccountId, AuthSessionId, WorkspaceId
from app.core.principal import Principal
from app.core.settings import SecretKey, get_settings
from app.errors import Unauthenticated

ACCESS_LIFETIME: Final = timedelta(minutes=15)
REFRESH_LIFETIME: Final = timedelta(days=30)
COOKIE_LIFETIME: Final = timedelta(days=30)
ENTER_LIFETIME: Final = timedelta(seconds=60)
API_KEY_PREFIX: Final = "pk_"
_ALGORITHM = "HS256"
_ISSUER = "prometey"


def new_secret(prefix: str = "") -> tuple[str, str]:
    """A fresh opaque secret and the hash to store."""
    secret = prefix + token()
    return secret, fingerprint(secret)


def fingerprint(secret: str) -> str:
    """SHA-256 is enough for secrets that are 256 random bits themselves."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_access_token(principal: Principal, family_id: UUID) -> str:
    """A token that says who, where, and by which sign-in; it counts until that sign-in ends or time is up."""
    ring = get_settings().secret_keys
    moment = now()
    claims = {
        "iss": _ISSUER,
        "sub": str(principal.user_id),
        "ws": str(principal.workspace_id),
        "sid": str(family_id),
        "iat": moment,
        "exp": moment + ACCESS_LIFETIME,
    }
    return jwt.encode(claims, _signing_key(ring[0]), _ALGORITHM, headers={"kid": ring[0].kid})


def read_access_token(encoded: str) -> tuple[AccountId, WorkspaceId, AuthSessionId]:
    """Who a token was issued to. Raises `Unauthenticated` with the reason's code."""
    try:
        kid = jwt.get_unverified_header(encoded).get("kid")
        key = next((each for each in get_settings().secret_keys if each.kid == kid), None)
        if key is None:
            raise Unauthenticated("auth.invalid_token")
        claims = _decode(encoded, key)
        return (
            AccountId(UUID(claims["sub"])),
            WorkspaceId(UUID(claims["ws"])),
            AuthSessionId(UUID(claims["sid"])),
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated("auth.token_expired") from None
    except (jwt.InvalidTokenError, ValueError, KeyError):
        raise Unauthenticated("auth.invalid_token") from None


def _decode(encoded: str, key: SecretKey) -> dict[str, Any]:
    """Checks the signature; the expiry is compared with our own clock."""
    options = {"require": ["exp", "sub", "ws", "sid"], "verify_exp": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(
        encoded,
        _signing_key(key),
        algorithms=[_ALGORITHM],
        issuer=_ISSUER,
        options=options,  # type: ignore[arg-type]
    )
    if claims["exp"] <= now().timestamp():
        raise jwt.ExpiredSignatureError
    return claims


@lru_cache(maxsize=32)
def _signing_key(key: SecretKey) -> bytes:
    """A key of its own for this purpose, so that no other use of the ring can sign a token."""
    return hmac.digest(key.key.encode(), b"prometey access token", "sha256")
