"""Credentials of the workspace: added, replaced, removed. A secret passes through a form and is never a state variable."""

from dataclasses import dataclass, field
from typing import Any, Final, get_args
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import t
from app.schemas.credentials import CredentialBody, CredentialView, Kind, NewSecret
from app.services import credentials
from app.state.inbox_rows import moment
from app.state.session import SessionState

KINDS: Final[tuple[str, ...]] = get_args(Kind)
_LONGEST: Final = 8_000


@dataclass
class UsedBy:
    id: str
    name: str


@dataclass
class CredentialRow:
    """`made_at` and `changed_at` are ISO 8601; `changed_at` is empty while the first secret stands."""

    id: str
    name: str
    kind: str
    kind_name: str
    author: str
    made_at: str
    changed_at: str
    flows: list[UsedBy] = field(default_factory=list)


class CredentialState(SessionState):
    """Which dialog is open: `adding` a credential, or `asked` about the one with that id, to `replace` or to `delete`."""

    rows: list[CredentialRow] = []
    loaded: bool = False
    problem: str = ""
    form_problem: str = ""
    name_problem: str = ""
    adding: bool = False
    kind: str = "bearer"
    new_name: str = ""
    asked: str = ""
    purpose: str = ""

    @rx.var
    def subject(self) -> CredentialRow:
        """The credential a dialog is about."""
        return next(
            (row for row in self.rows if row.id == self.asked), CredentialRow("", "", "", "", "", "", "")
        )

    @rx.event
    async def open(self) -> Any:
        """The list; with `?new=slot&kind=bearer` in the address, the form for that slot as well."""
        self.asked = self.purpose = self.problem = ""
        wanted = self.router.url.query_parameters
        self.adding = "new" in wanted
        self.new_name = str(wanted.get("new", ""))[:60]
        self.kind = wanted.get("kind", "") if wanted.get("kind", "") in KINDS else "bearer"
        self._clear()
        return await self._load()

    @rx.event
    def begin(self) -> None:
        self.adding, self.new_name, self.kind = True, "", "bearer"
        self._clear()

    @rx.event
    def choose_kind(self, kind: str) -> None:
        self.kind = kind if kind in KINDS else "bearer"

    @rx.event
    def ask(self, credential_id: str, purpose: str) -> None:
        self.asked = str(credential_id)[:40]
        self.purpose = purpose if purpose in ("replace", "delete") else ""
        self._clear()

    @rx.event
    def close(self, is_open: bool) -> None:
        if is_open is not True:
            self.adding, self.purpose = False, ""

    @rx.event
    async def add(self, form: dict[str, Any]) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        self._clear()
        try:
            body = CredentialBody(
                name=_text(form, "name").strip(), kind=self.kind, values=_values(self.kind, form)
            )
            async with unit_of_work() as session:
                made = await credentials.create(session, principal, body)
        except ValueError:
            self.name_problem = t("ui.credentials.name_rule", self.locale)
            return None
        except AppError as error:
            self._complain(error)
            return None
        self.adding = False
        await self._load(principal)
        return rx.toast(t("ui.credentials.added", self.locale, name=made.name))

    @rx.event
    async def replace(self, form: dict[str, Any]) -> Any:
        """A new secret in place of the old one."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        self._clear()
        try:
            body = NewSecret(values=_values(self.subject.kind, form))
            async with unit_of_work() as session:
                await credentials.rotate(session, principal, UUID(self.asked), body)
        except ValueError:
            self.form_problem = t("errors.credential.not_found", self.locale)
            return None
        except AppError as error:
            self._complain(error)
            return None
        self.purpose = ""
        await self._load(principal)
        return rx.toast(t("ui.credentials.replaced", self.locale))

    @rx.event
    async def delete(self) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                await credentials.delete(session, principal, UUID(self.asked))
        except ValueError:
            return None  # no credential's id: the page never sends one
        except AppError as error:
            self._complain(error)
            return None
        self.purpose = ""
        return await self._load(principal)

    async def _load(self, known: Principal | None = None) -> Any:
        principal = known or await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                found = await credentials.list_all(session, principal)
        except AppError as error:
            self.problem = self._sentence(error)
        else:
            self.rows, self.problem, self.loaded = [_row(each, self.locale) for each in found], "", True
        return None

    def _complain(self, error: AppError) -> None:
        sentence = self._sentence(error)
        if error.context.get("path") == "body.name":
            self.name_problem = sentence
        else:
            self.form_problem = sentence

    def _clear(self) -> None:
        self.form_problem = self.name_problem = ""


def _text(form: dict[str, Any], name: str) -> str:
    value = form.get(name, "") if isinstance(form, dict) else ""
    return value[:_LONGEST] if isinstance(value, str) else ""


def _values(kind: str, form: dict[str, Any]) -> dict[str, str]:
    """The fields of this kind that were filled in; the service says what is missing."""
    found = {name: _text(form, f"secret_{name}").strip() for name in credentials.NEEDS.get(kind, ())}
    return {name: value for name, value in found.items() if value}


def _row(view: CredentialView, locale: str) -> CredentialRow:
    changed = (view.updated_at - view.created_at).total_seconds() > 1
    return CredentialRow(
        id=str(view.id),
        name=view.name,
        kind=view.kind,
        kind_name=t(f"credential.kind.{view.kind}", locale),
        author=view.author,
        made_at=moment(view.created_at),
        changed_at=moment(view.updated_at) if changed else "",
        flows=[UsedBy(str(each.id), each.name or t("flow.untitled", locale)) for each in view.flows],
    )
