"""The forms people come in by. The password never becomes a state variable."""

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import reflex as rx

from app.core.db import unit_of_work
from app.errors import AppError
from app.services import accounts, log_in_attempts
from app.state.session import Events, SessionState, go

_LONGEST = 1_000


class AccessState(SessionState):
    """What the sign-in and sign-up forms say. `problem` is about the whole form, the others about one field."""

    problem: str = ""
    email_problem: str = ""
    password_problem: str = ""
    busy: bool = False

    @rx.event
    async def arrive(self) -> Any:
        """Who is signed in already goes on; the start page sends the others to the form."""
        self._clear()
        self.busy = False
        if await self._principal() is not None:
            return go(self._next())
        return go("/login") if self.router.url.path in ("", "/") else None

    @rx.event
    async def log_in(self, form: dict[str, Any]) -> Events | Any:
        email, password = _text(form, "email"), _text(form, "password")
        self._clear()
        try:
            host = self.router.session.client_ip or "?"
            async with log_in_attempts.attempt(email, host), unit_of_work() as session:
                signed = await accounts.log_in(session, email=email, password=password)
                code = await accounts.issue_enter_code(session, signed.principal)
        except AppError as error:
            self.problem = self._sentence(error)
            return None
        return self._enter(code)

    @rx.event
    async def sign_up(self, form: dict[str, Any]) -> Events | Any:
        self._clear()
        self._speak(None)
        try:
            async with unit_of_work() as session:
                signed = await accounts.sign_up(
                    session,
                    email=_text(form, "email"),
                    password=_text(form, "password"),
                    name=_text(form, "name"),
                    locale=self.locale,
                )
                code = await accounts.issue_enter_code(session, signed.principal)
        except AppError as error:
            self._complain(error)
            return None
        return self._enter(code)

    def _complain(self, error: AppError) -> None:
        """Put the sentence where the problem is."""
        sentence = self._sentence(error)
        match error.context.get("path"):
            case "body.email":
                self.email_problem = sentence
            case "body.password":
                self.password_problem = sentence
            case _:
                self.problem = sentence

    def _clear(self) -> None:
        self.problem = self.email_problem = self.password_problem = ""

    def _enter(self, code: str) -> Any:
        self.busy = True
        return go(f"/api/auth/enter?code={quote(code)}&next={quote(self._next())}")

    def _next(self) -> str:
        """The page of ours that was wanted first."""
        wanted = parse_qs(urlsplit(str(self.router.url)).query).get("next", [""])[0]
        return wanted if wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/api")) else "/flows"


def _text(form: dict[str, Any], name: str) -> str:
    value = form.get(name, "") if isinstance(form, dict) else ""
    return value[:_LONGEST] if isinstance(value, str) else ""
