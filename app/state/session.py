"""Who looks at a page, and in which language. Every handler asks `_principal` before it does anything."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import reflex as rx

from app.auth.principals import principal_from_cookie_header
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import LOCALES, negotiate
from app.services import flow_documents

LOCALE_COOKIE = "prometey_locale"
Events = list[Any]


def go(path: str) -> Any:
    """Leave the page for a path of ours that is answered by the server, or that must be loaded anew."""
    return rx.call_script(f"window.location.assign({json.dumps(path)})")


def cookie_locale(raw_cookie: str) -> str:
    """The language a person chose in this browser; empty where there is none."""
    for part in raw_cookie.split(";"):
        name, _, value = part.strip().partition("=")
        if name == LOCALE_COOKIE and value in LOCALES:
            return value
    return ""


class SessionState(rx.State):
    """The signed-in person as pages show them. The cookie is the truth; these are words on a page."""

    locale: str = ""
    name: str = ""
    email: str = ""

    @rx.event
    async def greet(self) -> None:
        """Find the language of a page that needs nobody signed in."""
        self._speak(None)

    @rx.event
    async def sign_out(self) -> Any:
        self.name = self.email = ""
        return go("/api/auth/leave")

    async def _principal(self) -> Principal | None:
        """Who asks, by the cookie of this page's connection. Every handler is a public endpoint."""
        raw_cookie = self.router.headers.cookie
        async with unit_of_work() as session:
            principal = await principal_from_cookie_header(session, raw_cookie)
        self._speak(principal)
        if principal is not None:
            self.name, self.email = principal.name, principal.email
            return replace(principal, locale=self.locale)
        return None

    def _speak(self, principal: Principal | None) -> None:
        if self.locale in LOCALES:
            return
        headers = self.router.headers
        preferred = cookie_locale(headers.cookie) or (principal.locale if principal else "")
        self.locale = negotiate(headers.accept_language, preferred)

    def _to_sign_in(self) -> Any:
        """Where somebody who is not signed in goes; the page they wanted is remembered."""
        return go(f"/login?next={quote(self.router.url.path)}")

    def _sentence(self, error: AppError) -> str:
        """What to say about a refusal, in the page's language."""
        return flow_documents.error_in_words(error, self.locale or "en")
