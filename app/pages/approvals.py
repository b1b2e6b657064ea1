"""What people are asked: approvals, tasks, conversations handed to them, steps nobody knows the outcome of."""

import reflex as rx

from app.components import moments
from app.components.forms import alert
from app.components.inbox_card import inbox_card, kind_icon
from app.components.shell import live_refresh, page_header, shell
from app.components.words import attribute, words
from app.state.inbox import InboxState
from app.state.inbox_rows import InboxRow


def approvals() -> rx.Component:
    return shell(
        "/approvals",
        page_header("ui.approvals.title", _tabs()),
        alert(InboxState.problem),
        rx.cond(
            InboxState.loaded,
            rx.cond(InboxState.rows.length() > 0, _inbox(), rx.el.div(_empty(), class_name="pm-scroll")),  # type: ignore[attr-defined]
            _skeleton(),
        ),
        live_refresh(InboxState.refresh),
    )


def _inbox() -> rx.Component:
    """The list, and the chosen request beside it; on narrow screens one of the two."""
    back = rx.el.button(
        rx.icon("arrow-left", size=16),
        words("ui.approvals.back"),
        type="button",
        class_name="pm-button pm-back-to-list",
        on_click=InboxState.back_to_list,
        data_testid="back-to-list",
    )
    return rx.el.div(
        rx.el.ul(rx.foreach(InboxState.rows, _row), class_name="pm-inbox-list", data_testid="approvals"),
        rx.el.section(
            back,
            rx.foreach(InboxState.detail, inbox_card),
            class_name="pm-inbox-detail",
            custom_attrs={"data-detail": "true"},
        ),
        class_name="pm-inbox",
        custom_attrs={"data-opened": rx.cond(InboxState.opened, "true", "false")},
    )


def _row(row: InboxRow) -> rx.Component:
    line = rx.el.button(
        kind_icon(row.kind, row.kind_name),
        rx.el.span(row.title, class_name="pm-inbox-title"),
        rx.cond(
            row.decided_at != "",
            moments.ago(row.decided_at, "pm-quiet"),
            rx.cond(
                row.due_at != "", moments.left(row.due_at, "pm-due"), moments.ago(row.asked_at, "pm-quiet")
            ),
        ),
        rx.el.span(
            row.flow_name,
            rx.cond(row.decided != "", rx.el.span(" · ", row.decided)),
            class_name="pm-inbox-about",
        ),
        type="button",
        class_name="pm-inbox-row",
        on_click=InboxState.choose_item(row.id),  # type: ignore[operator]
        data_testid=f"inbox-row-{row.id}",
        custom_attrs={
            "aria-current": rx.cond(InboxState.chosen == row.id, "true", "false"),
            "data-row": "choose",
        },
    )
    return rx.el.li(line, key=row.id)


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
    open_ones = (words("ui.approvals.empty_title"), words("ui.approvals.empty"))
    settled = (words("ui.approvals.none_decided_title"), words("ui.approvals.none_decided"))
    return rx.el.div(
        rx.icon("inbox", size=28, stroke_width=1.5),
        rx.el.h2(rx.cond(InboxState.decided, settled[0], open_ones[0])),
        rx.el.p(rx.cond(InboxState.decided, settled[1], open_ones[1])),
        class_name="pm-empty",
        data_testid="approvals",
    )


def _skeleton() -> rx.Component:
    rows = [rx.el.div(class_name="pm-skeleton-row") for _ in range(5)]
    return rx.el.div(rx.el.div(*rows, class_name="pm-inbox-list"), class_name="pm-inbox", aria_busy="true")
