"""What people are asked: approvals, tasks, conversations handed to them, steps nobody knows the outcome of."""

import reflex as rx

from app.components.forms import alert
from app.components.inbox_card import inbox_card
from app.components.shell import live_refresh, page_header, shell
from app.components.words import attribute, words
from app.state.inbox import InboxState


def approvals() -> rx.Component:
    return shell(
        "/approvals",
        page_header("ui.approvals.title", _tabs()),
        rx.el.div(
            alert(InboxState.problem),
            rx.cond(
                InboxState.loaded,
                rx.cond(
                    InboxState.rows.length() > 0,  # type: ignore[attr-defined]
                    rx.el.div(rx.foreach(InboxState.rows, inbox_card), class_name="pm-asks"),
                    _empty(),
                ),
                _skeleton(),
            ),
            live_refresh(InboxState.refresh),
            class_name="pm-scroll",
            data_testid="approvals",
        ),
    )


def _tabs() -> rx.Component:
    def tab(key: str, decided: bool, test_id: str) -> rx.Component:
        return rx.el.button(
            words(key),
            type="button",
            data_testid=test_id,
            custom_attrs={"aria-pressed": rx.cond(InboxState.decided == decided, "true", "false")},
            on_click=InboxState.show(decided),  # type: ignore[operator]
        )

    return rx.el.div(
        tab("ui.approvals.open", False, "tab-open"),
        tab("ui.approvals.decided", True, "tab-decided"),
        class_name="pm-choice",
        role="group",
        aria_label=attribute("ui.approvals.title"),
    )


def _empty() -> rx.Component:
    return rx.el.div(
        rx.icon("inbox", size=28, stroke_width=1.5),
        rx.el.h2(words("ui.approvals.empty_title")),
        rx.el.p(words("ui.approvals.empty")),
        class_name="pm-empty",
    )


def _skeleton() -> rx.Component:
    rows = [rx.el.div(class_name="pm-skeleton-row") for _ in range(3)]
    return rx.el.div(*rows, class_name="pm-asks", aria_busy="true")
