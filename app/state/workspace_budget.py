"""The workspace's budget on the settings page: what is spent, and the limits an owner sets."""

from typing import Any

import reflex as rx
from pydantic import ValidationError

from app.core.db import unit_of_work
from app.errors import AppError
from app.i18n import t
from app.schemas.workspace_budget import BudgetView, Limits
from app.services import workspace_budget
from app.state.session import SessionState

_UNITS = ("usd", "calls", "tokens")


class BudgetState(SessionState):
    """Texts of the form. `shown` is false for those who may not see the budget."""

    shown: bool = False
    spent: str = ""
    usd: str = ""
    calls: str = ""
    tokens: str = ""
    budget_problem: str = ""
    saved: bool = False

    @rx.event
    async def look(self) -> None:
        self.budget_problem, self.saved = "", False
        principal = await self._principal()
        if principal is None or principal.role != "owner":
            self.shown = False
            return
        async with unit_of_work() as session:
            self._show(await workspace_budget.get(session, principal))

    @rx.event
    async def save(self, form: dict[str, Any]) -> Any:
        """Set the limits; an empty field is none."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        self.saved, self.budget_problem = False, ""
        said = form if isinstance(form, dict) else {}
        texts = {unit: str(said.get(f"budget_{unit}") or "").strip().replace(",", ".") for unit in _UNITS}
        try:
            limits = Limits.model_validate({unit: text or None for unit, text in texts.items()})
        except ValidationError:
            self.budget_problem = t("ui.settings.budget_wrong", self.locale or "en")
            return None
        try:
            async with unit_of_work() as session:
                self._show(await workspace_budget.put(session, principal, limits))
        except AppError as error:
            self.budget_problem = self._sentence(error)
            return None
        self.saved = True
        return None

    def _show(self, budget: BudgetView) -> None:
        limits, spent = budget.limits, budget.spent
        self.shown = True
        self.usd, self.calls, self.tokens = (
            "" if limit is None else f"{limit:g}" if isinstance(limit, float) else str(limit)
            for limit in (limits.usd, limits.calls, limits.tokens)
        )
        self.spent = t(
            "ui.settings.budget_spent",
            self.locale or "en",
            month=budget.month,
            usd=f"{spent.usd:.2f}",
            calls=spent.calls,
            tokens=spent.tokens,
        )
