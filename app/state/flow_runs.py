"""The list of runs: find, filter, and look again while some are under way."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.errors import AppError
from app.i18n import t
from app.schemas.flow_runs import RunItem
from app.services import flow_runs, run_replay
from app.state.inbox_rows import moment
from app.state.session import SessionState

PAGE: Final = 50
DEAD: Final = "dead"
FILTERS: Final = ("running", "waiting", "succeeded", "failed", "cancelled", DEAD)


@dataclass
class RunRow:
    """One line, in the page's language. `began` is ISO 8601; `dead` a run that stopped through no fault of its flow."""

    id: str
    name: str
    status: str
    status_name: str
    about: str
    source: str
    began: str
    took: str
    cost: str
    simulate: bool
    failed: bool
    dead: bool


class RunListState(SessionState):
    rows: list[RunRow] = []
    next: str = ""
    filter: str = ""
    words: str = ""
    flow_id: str = ""
    loaded: bool = False
    problem: str = ""
    shown: int = PAGE

    @rx.event
    async def open(self) -> Any:
        self.words, self.shown = "", PAGE
        wanted = self.router.url.query_parameters
        self.filter = wanted.get("status", "") if wanted.get("status", "") in FILTERS else ""
        self.flow_id = _uuid(wanted.get("flow", ""))
        return await self._load()

    @rx.event
    async def refresh(self) -> Any:
        return await self._load() if self.loaded else None

    @rx.event
    async def find(self, text: str) -> Any:
        self.words, self.shown = (text[:200] if isinstance(text, str) else ""), PAGE
        return await self._load()

    @rx.event
    async def choose(self, status: str) -> Any:
        self.filter, self.shown = (status if status in FILTERS else ""), PAGE
        return await self._load()

    @rx.event
    async def more(self) -> Any:
        self.shown += PAGE
        return await self._load()

    @rx.event
    async def resume(self, run_id: str) -> Any:
        """Take a failed run up where it failed, and show the new run."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                view = await run_replay.resume(session, principal, UUID(str(run_id)))
        except AppError as error:
            return rx.toast.error(self._sentence(error))
        except ValueError:
            return rx.toast.error(t("errors.run.not_found", self.locale))
        return rx.redirect(f"/runs/{view.id}")

    async def _load(self) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                page = await flow_runs.search(
                    session,
                    principal,
                    status=None if self.filter in ("", DEAD) else self.filter,
                    dead=self.filter == DEAD,
                    flow_id=UUID(self.flow_id) if self.flow_id else None,
                    words=self.words,
                    limit=min(self.shown, 500),
                )
        except AppError as error:
            self.problem = self._sentence(error)
        else:
            self.rows = [run_row(item, self.locale) for item in page.items]
            self.next, self.problem, self.loaded = page.next or "", "", True
        return None


def run_row(item: RunItem, locale: str) -> RunRow:
    return RunRow(
        id=str(item.id),
        name=item.flow_name or t("flow.untitled", locale),
        status=item.status,
        status_name=t(f"run.status.{item.status}", locale),
        about=str((item.error or {}).get("message") or ""),
        source=t(f"run.source.{item.source}", locale),
        began=moment(item.created_at),
        took=took(item.duration_ms, locale),
        cost=money(item.cost_usd),
        simulate=item.simulate,
        failed=item.status == "failed",
        dead=(item.error or {}).get("code") in flow_runs.DEAD,
    )


def took(duration_ms: float | None, locale: str) -> str:
    """A duration as people say it."""
    if duration_ms is None:
        return ""
    if duration_ms < 1_000:
        return t("run.took.ms", locale, count=round(duration_ms))
    if duration_ms < 60_000:
        return t("run.took.s", locale, count=f"{duration_ms / 1_000:.1f}")
    return t("run.took.min", locale, count=round(duration_ms / 60_000))


def money(usd: float | None) -> str:
    if not usd:
        return ""
    return f"${usd:.4f}" if usd < 0.1 else f"${usd:.2f}"


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
