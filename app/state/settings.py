"""Settings of a person: language and keys for programs."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import LOCALES, t
from app.schemas.accounts import ApiKeyBody, ApiKeyView
from app.services import accounts, api_keys
from app.state.inbox_rows import moment
from app.state.session import LOCALE_COOKIE, SessionState

_YEAR_S = 365 * 24 * 3600


@dataclass
class KeyRow:
    """`used` is ISO 8601, empty for a key that never was."""

    id: str
    name: str
    prefix: str
    used: str


class SettingsState(SessionState):
    """`new_key` is the one moment a key can be read; it is forgotten when the page is left."""

    keys: list[KeyRow] = []
    loaded: bool = False
    new_key: str = ""
    problem: str = ""

    @rx.event
    async def open(self) -> Any:
        self.new_key = self.problem = ""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        return await self._load(principal)

    @rx.event
    async def speak(self, locale: str) -> Any:
        """Change the language of this browser's pages, and of this person everywhere else."""
        principal = await self._principal()
        if principal is None or locale not in LOCALES:
            return None
        async with unit_of_work() as session:
            await accounts.set_locale(session, principal, locale)
        self.locale = locale
        await self._load(principal)
        cookie = f"{LOCALE_COOKIE}={locale}; path=/; max-age={_YEAR_S}; samesite=lax"
        return rx.call_script(
            f"document.cookie = {json.dumps(cookie)}; document.documentElement.lang = {json.dumps(locale)}"
        )

    @rx.event
    async def create_key(self, form: dict[str, Any]) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        name = form.get("key_name", "") if isinstance(form, dict) else ""
        name = str(name).strip()[:120] or t("ui.settings.key_default", self.locale)
        self.problem = ""
        try:
            async with unit_of_work() as session:
                made = await api_keys.create(session, principal, ApiKeyBody(name=name))
        except AppError as error:
            self.problem = self._sentence(error)
            return None
        self.new_key = made.key
        return await self._load(principal)

    @rx.event
    async def revoke_key(self, key_id: str) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                await api_keys.revoke(session, principal, UUID(str(key_id)))
        except AppError as error:
            self.problem = self._sentence(error)
        except ValueError:
            return None  # no key's id: the page never sends one
        self.new_key = ""
        return await self._load(principal)

    async def _load(self, principal: Principal) -> None:
        try:
            async with unit_of_work() as session:
                found = await api_keys.list_keys(session, principal)
        except AppError as error:
            self.problem = self._sentence(error)
            return
        self.keys, self.loaded = [_row(each) for each in found], True


def _row(key: ApiKeyView) -> KeyRow:
    return KeyRow(id=str(key.id), name=key.name, prefix=f"{key.prefix}…", used=moment(key.last_used_at))
