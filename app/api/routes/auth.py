"""Signing up, in, on and out."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from app.api.deps import Caller, Db, Locale, MaybeCaller, same_origin
from app.auth.principals import COOKIE
from app.auth.tokens import COOKIE_LIFETIME
from app.core.db import unit_of_work
from app.core.settings import get_settings
from app.errors import AppError, Denied, Unauthenticated
from app.i18n import t
from app.schemas.accounts import (
    LogInBody,
    LogInView,
    LogOutBody,
    MeView,
    RefreshBody,
    SignUpBody,
    SignUpView,
    TokensView,
    UserView,
)
from app.services import accounts, log_in_attempts

router = APIRouter(prefix="/api/auth", tags=["auth"])


@router.post("/signup", status_code=201)
async def sign_up(
    body: SignUpBody, request: Request, response: Response, session: Db, locale: Locale
) -> SignUpView:
    """Create a person and a workspace of their own."""
    _refuse_foreign_cookie(body.cookie, request)
    signed = await accounts.sign_up(
        session, email=body.email, password=body.password, name=body.name, locale=locale
    )
    if body.cookie:
        _set_cookie(response, await accounts.issue_cookie(session, signed.principal))
    return SignUpView(message=t("account.created", locale), user=signed.user)


@router.post("/login")
async def log_in(body: LogInBody, request: Request, response: Response) -> LogInView:
    """Exchange address and password for tokens (and, for this site's own pages, a cookie)."""
    _refuse_foreign_cookie(body.cookie, request)
    host = request.client.host if request.client else "?"
    async with log_in_attempts.attempt(body.email, host), unit_of_work() as session:
        signed = await accounts.log_in(session, email=body.email, password=body.password)
        issued = await accounts.issue_tokens(session, signed.principal)
        if body.cookie:
            _set_cookie(response, await accounts.issue_cookie(session, signed.principal))
    return LogInView(
        access_token=issued.access_token,
        refresh_token=issued.refresh_token,
        expires_in=issued.expires_in,
        user=signed.user,
    )


@router.post("/refresh")
async def refresh(body: RefreshBody) -> TokensView:
    """Exchange a refresh token for new tokens. One used twice ends the whole sign-in."""
    async with unit_of_work() as session:
        issued = await accounts.refresh(session, body.refresh_token)
    if issued is None:
        raise Unauthenticated("auth.refresh_reused")
    return TokensView(
        access_token=issued.access_token, refresh_token=issued.refresh_token, expires_in=issued.expires_in
    )


@router.post("/logout", status_code=204)
async def log_out(
    response: Response, session: Db, caller: MaybeCaller, body: LogOutBody | None = None
) -> None:
    """End this sign-in: its access tokens, refresh tokens and cookie count no more."""
    await accounts.log_out(session, caller, body.refresh_token if body else "")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


@router.get("/me")
async def me(caller: Caller) -> MeView:
    """Who this token, key or cookie belongs to, and what it may do."""
    return MeView(
        user=UserView(id=caller.user_id, email=caller.email, name=caller.name),
        workspace_id=caller.workspace_id,
        role=caller.role,
        scopes=sorted(caller.scopes),
        locale=caller.locale,
    )


@router.get("/enter", status_code=303, include_in_schema=False)
async def enter(
    code: Annotated[str, Query(max_length=200)], next_path: Annotated[str, Query(alias="next")] = "/flows"
) -> Response:
    """Turn a page's one-time code into the cookie and go on. A used code leads back to the form."""
    try:
        async with unit_of_work() as session:
            secret = await accounts.enter(session, code)
    except AppError:
        return RedirectResponse("/login", 303)
    response = RedirectResponse(_own_path(next_path), 303)
    _set_cookie(response, secret)
    return response


@router.get("/leave", status_code=303, include_in_schema=False)
async def leave(request: Request, session: Db, caller: MaybeCaller) -> Response:
    """Sign a browser out by a link of our own pages."""
    if same_origin(request):
        await accounts.log_out(session, caller)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
    return response


def _own_path(path: str) -> str:
    """A path of this site; never another site's address."""
    own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if own else "/flows"


def _refuse_foreign_cookie(wanted: bool, request: Request) -> None:
    if wanted and not same_origin(request):
        raise Denied("auth.cross_site")


def _set_cookie(response: Response, secret: str) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(COOKIE_LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=get_settings().base_url.startswith("https://"),
    )
