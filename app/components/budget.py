"""The workspace's budget as a block of the settings page."""

import reflex as rx

from app.components.forms import alert, field
from app.components.words import words
from app.state.workspace_budget import BudgetState


def budget() -> rx.Component:
    """Nothing for those who may not see it."""
    values = {"usd": BudgetState.usd, "calls": BudgetState.calls, "tokens": BudgetState.tokens}
    fields = [
        field(
            f"budget_{unit}",
            f"ui.settings.budget_{unit}",
            default_value=value,
            key=value,
            input_mode="decimal",
        )
        for unit, value in values.items()
    ]
    save = rx.el.button(
        words("ui.settings.budget_save"), type="submit", class_name="pm-button", data_testid="save-budget"
    )
    return rx.cond(
        BudgetState.shown,
        rx.el.section(
            rx.el.h2(words("ui.settings.budget")),
            rx.el.p(words("ui.settings.budget_help")),
            rx.el.p(BudgetState.spent, data_testid="budget-spent"),
            alert(BudgetState.budget_problem),
            rx.el.form(*fields, save, on_submit=BudgetState.save, class_name="pm-budget"),
            rx.cond(BudgetState.saved, rx.el.p(words("ui.settings.budget_saved"), role="status")),
            class_name="pm-block",
        ),
    )
