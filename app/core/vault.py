"""Secrets at rest: encrypted with keys derived from the ring of SECRET_KEYS, so that keys can be rotated.

The first key of the ring seals, every key of it opens. What is sealed names its key.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken

from app.core.settings import SecretKey, get_settings
from app.errors import Unavailable


class Unopenable(Unavailable):
    """The key that sealed this is no longer in SECRET_KEYS. `context["kid"]` names it."""

    code = "vault.unopenable"


def seal(secret: Mapping[str, Any]) -> str:
    """`kid:token`."""
    key = get_settings().secret_keys[0]
    return f"{key.kid}:{_fernet(key).encrypt(orjson.dumps(dict(secret))).decode()}"


def unseal(sealed: str) -> dict[str, Any]:
    """Raises `Unopenable`."""
    kid, _, token = sealed.partition(":")
    key = next((each for each in get_settings().secret_keys if each.kid == kid), None)
    if key is None:
        raise Unopenable(kid=kid)
    try:
        opened: dict[str, Any] = orjson.loads(_fernet(key).decrypt(token.encode()))
    except InvalidToken:
        raise Unopenable(kid=kid) from None
    return opened


def is_current(sealed: str) -> bool:
    """Whether the first key of the ring sealed this."""
    return sealed.partition(":")[0] == get_settings().secret_keys[0].kid


@lru_cache(maxsize=16)
def _fernet(key: SecretKey) -> Fernet:
    derived = hashlib.sha256(b"prometey vault\n" + key.key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
