"""What routes ask for: who is calling, a transaction, the reader's language."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import principals
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.settings import get_settings
from app.errors import Denied, Unauthenticated
from app.i18n import negotiate

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(
    auto_error=False, description="An access token of /api/auth/login, or an API key (pk_…)."
)
_cookie = APIKeyCookie(name=principals.COOKIE, auto_error=False, description="The sign-in of the pages.")


async def optional_principal(request: Request) -> Principal | None:
    """The caller, None when the request shows nothing. Raises `Unauthenticated` for what is shown but wrong."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, secret = get_authorization_scheme_param(header)
        if scheme.lower() != "bearer" or not secret:
            raise Unauthenticated("auth.invalid_token")
        known = principals.recall(secret)
        if known:
            return known
        async with unit_of_work() as session:
            return await principals.from_bearer(session, secret)
    secret = request.cookies.get(principals.COOKIE, "")
    if not secret:
        return None
    if request.method not in _SAFE and not same_origin(request):
        raise Denied("auth.cross_site")
    known = principals.recall(secret)
    if known:
        return known
    async with unit_of_work() as session:
        return await principals.from_cookie(session, secret)


async def principal(
    request: Request,
    caller: Annotated[Principal | None, Depends(optional_principal)],
    _bearer_shown: Annotated[object, Security(_bearer)] = None,
    _cookie_shown: Annotated[object, Security(_cookie)] = None,
) -> Principal:
    """The caller, who reads the language they chose or their client asks for. Raises `Unauthenticated` for nobody."""
    if caller is None:
        raise Unauthenticated("auth.required")
    if not caller.locale:  # nobody chose a language: the client's
        return replace(caller, locale=negotiate(request.headers.get("accept-language")))
    return caller


async def transaction() -> AsyncIterator[AsyncSession]:
    """A unit of work that is committed before the answer leaves."""
    async with unit_of_work() as session:
        yield session


def locale(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


def same_origin(request: Request) -> bool:
    """Whether a page of this very site sent the request: browsers say so, and pages cannot lie about it."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return False
    hosts = {request.headers.get("host", ""), urlsplit(get_settings().base_url).netloc}
    return urlsplit(origin).netloc in hosts


Caller = Annotated[Principal, Depends(principal)]
MaybeCaller = Annotated[Principal | None, Depends(optional_principal)]
Db = Annotated[AsyncSession, Depends(transaction, scope="function")]
Locale = Annotated[str, Depends(locale)]
