"""The list of flows: find, create, duplicate, put away and bring back."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import t
from app.schemas.flows import CreateBody, FlowSummary
from app.services import flows
from app.state.inbox_rows import moment
from app.state.session import SessionState

PAGE: Final = 100
KINDS: Final = ("agent", "rule", "sequence", "task")


@dataclass
class FlowRow:
    """One row. `published` is written in the page's language; `updated` is ISO 8601."""

    id: str
    name: str
    description: str
    kind: str
    kind_name: str
    published: str
    updated: str


class FlowListState(SessionState):
    rows: list[FlowRow] = []
    total: int = 0
    loaded: bool = False
    problem: str = ""
    search: str = ""
    kind: str = ""

    @rx.event
    async def open(self) -> Any:
        self.search, self.kind = "", ""
        return await self._load()

    @rx.event
    async def find(self, text: str) -> Any:
        self.search = text[:200] if isinstance(text, str) else ""
        return await self._load()

    @rx.event
    async def choose_kind(self, kind: str) -> Any:
        self.kind = kind if kind in KINDS else ""
        return await self._load()

    @rx.event
    async def more(self) -> Any:
        return await self._load(len(self.rows) + PAGE)

    @rx.event
    async def create(self, template: str, kind: str) -> Any:
        """A new flow from a template, or an empty one of a kind."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        body = CreateBody(template=str(template)[:80]) if template else CreateBody(kind=_kind(kind))
        try:
            async with unit_of_work() as session:
                made = await flows.create(session, principal, body, self.locale)
        except AppError as error:
            return rx.toast.error(self._sentence(error))
        return rx.redirect(f"/flows/{made.id}")

    @rx.event
    async def duplicate(self, flow_id: str) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                await flows.duplicate(session, principal, _id(flow_id), self.locale)
        except (AppError, ValueError) as error:
            return self._refused(error)
        return await self._load()

    @rx.event
    async def delete(self, flow_id: str, name: str) -> Any:
        """Put away at once; the toast brings it back."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                await flows.delete(session, principal, _id(flow_id))
        except (AppError, ValueError) as error:
            return self._refused(error)
        await self._load()
        undo = {
            "label": t("ui.flows.undo", self.locale),
            "on_click": FlowListState.restore(flow_id),  # type: ignore[operator]
        }
        return rx.toast(t("ui.flows.deleted", self.locale, name=str(name)[:60]), action=undo, duration=10_000)

    @rx.event
    async def restore(self, flow_id: str) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                await flows.restore(session, principal, _id(flow_id), self.locale)
        except (AppError, ValueError) as error:
            return self._refused(error)
        return await self._load()

    async def _load(self, limit: int = PAGE) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            self.rows, self.total = await self._found(principal, limit)
        except AppError as error:
            self.problem = self._sentence(error)
        else:
            self.problem, self.loaded = "", True
        return None

    async def _found(self, principal: Principal, limit: int) -> tuple[list[FlowRow], int]:
        async with unit_of_work() as session:
            page = await flows.list_flows(
                session, principal, search=self.search, kind=self.kind or None, limit=limit
            )
        return [_row(each, self.locale) for each in page.items], page.total

    def _refused(self, error: Exception) -> Any:
        if isinstance(error, AppError):
            return rx.toast.error(self._sentence(error))
        return rx.toast.error(t("errors.flow.not_found", self.locale))


def _id(flow_id: str) -> UUID:
    return UUID(str(flow_id))


def _kind(kind: str) -> Any:
    return kind if kind in KINDS else "agent"


def _row(flow: FlowSummary, locale: str) -> FlowRow:
    version = flow.published_version
    return FlowRow(
        id=str(flow.id),
        name=flow.name or t("flow.untitled", locale),
        description=flow.description,
        kind=flow.kind,
        kind_name=t(f"kind.{flow.kind}", locale),
        published=t("ui.flows.draft", locale) if version is None else f"v{version}",
        updated=moment(flow.updated_at),
    )
