"""One request to a person, with what they can do about it."""

from typing import Any

import reflex as rx

from app.components.words import attribute, words
from app.state.inbox import FormField, InboxRow, InboxState, SaidRow


def inbox_card(row: InboxRow) -> rx.Component:
    return rx.el.article(
        rx.el.header(
            rx.el.span(row.kind_name, class_name="pm-tag-kind", custom_attrs={"data-ask": row.kind}),
            rx.link(
                row.flow_name,
                " · ",
                row.node,
                href=f"/runs/{row.run_id}",
                class_name="pm-link pm-ask-source",
            ),
            rx.el.span(class_name="pm-grow"),
            rx.el.span(row.how, class_name="pm-quiet"),
        ),
        rx.el.h2(row.title),
        rx.cond(row.description != "", rx.el.p(row.description)),
        rx.cond(row.parameters != "", rx.el.pre(row.parameters, class_name="pm-code")),
        rx.cond(row.answers != "", rx.el.p(row.answers, class_name="pm-quiet")),
        rx.cond(row.refusal != "", rx.el.p(row.refusal, class_name="pm-quiet")),
        rx.cond(row.may_decide, _actions(row)),
        key=row.id,
        class_name="pm-ask",
        data_testid=f"ask-{row.id}",
    )


def _actions(row: InboxRow) -> rx.Component:
    return rx.match(
        row.kind,
        ("approval", _approval(row)),
        ("task", _task(row)),
        ("takeover", _takeover(row)),
        ("unknown", _unknown(row)),
        rx.fragment(),
    )


def _approval(row: InboxRow) -> rx.Component:
    return rx.el.div(
        rx.foreach(row.fields, lambda each: _field(row, each)),
        _note(row, "inbox.note"),
        rx.el.div(
            _button("inbox.approve", InboxState.decide(row.id, "approved"), "approve", "primary"),  # type: ignore[operator]
            _button("inbox.reject", InboxState.decide(row.id, "rejected"), "reject"),  # type: ignore[operator]
            class_name="pm-line",
        ),
        class_name="pm-ask-actions",
    )


def _field(row: InboxRow, each: FormField) -> rx.Component:
    plain = rx.el.input(
        class_name="pm-input",
        aria_label=each.title,
        input_mode=rx.cond(each.kind == "number", "decimal", "text"),
        on_blur=lambda text: InboxState.fill(row.id, each.name, text),  # type: ignore[operator]
        data_testid=f"form-{each.name}",
    )
    switch = rx.el.span(
        rx.el.select(
            rx.el.option("—", value=""),
            rx.el.option(attribute("inbox.yes"), value="true"),
            rx.el.option(attribute("inbox.no"), value="false"),
            class_name="pm-input",
            aria_label=each.title,
            on_change=lambda text: InboxState.fill(row.id, each.name, text),  # type: ignore[operator]
        ),
        rx.icon("chevron-down", size=14),
        class_name="pm-select",
    )
    star = rx.cond(each.required, rx.el.span("*", aria_hidden="true"))
    return rx.el.label(
        rx.el.span(each.title, " ", star, class_name="pm-quiet"),
        rx.cond(each.kind == "boolean", switch, plain),
        class_name="pm-field",
    )


def _task(row: InboxRow) -> rx.Component:
    done = _button("inbox.done", InboxState.finish(row.id), "finish", "primary")  # type: ignore[operator]
    return rx.el.div(
        _note(row, "inbox.result"), rx.el.div(done, class_name="pm-line"), class_name="pm-ask-actions"
    )


def _takeover(row: InboxRow) -> rx.Component:
    return rx.el.div(
        rx.el.div(rx.foreach(row.said, _said), class_name="pm-thread"),
        _note(row, "inbox.reply"),
        rx.el.div(
            _button("inbox.send", InboxState.write(row.id, row.conversation_id), "say", "primary"),  # type: ignore[operator]
            _button("inbox.give_back", InboxState.give_back(row.id), "give-back"),  # type: ignore[operator]
            class_name="pm-line",
        ),
        class_name="pm-ask-actions",
    )


def _said(said: SaidRow) -> rx.Component:
    return rx.el.p(
        rx.cond(said.who != "", rx.el.strong(said.who, ": ")),
        said.text,
        custom_attrs={"data-mine": rx.cond(said.mine, "true", "false")},
    )


def _unknown(row: InboxRow) -> rx.Component:
    return rx.el.div(
        rx.el.p(words("inbox.unknown_help"), class_name="pm-quiet"),
        _note(row, "inbox.output"),
        rx.el.div(
            _button("inbox.it_was_done", InboxState.settle(row.id, "done"), "it-was-done", "primary"),  # type: ignore[operator]
            _button("inbox.do_again", InboxState.settle(row.id, "retry"), "do-again"),  # type: ignore[operator]
            _button("inbox.let_fail", InboxState.settle(row.id, "failed"), "let-fail"),  # type: ignore[operator]
            class_name="pm-line",
        ),
        class_name="pm-ask-actions",
    )


def _note(row: InboxRow, key: str) -> rx.Component:
    return rx.el.textarea(
        class_name="pm-input",
        rows=2,
        aria_label=attribute(key),
        placeholder=attribute(key),
        default_value=InboxState.notes[row.id],
        on_blur=lambda text: InboxState.note(row.id, text),  # type: ignore[operator]
        data_testid="note",
    )


def _button(key: str, event: Any, test_id: str, look: str = "") -> rx.Component:
    return rx.el.button(
        words(key),
        type="button",
        class_name="pm-button",
        on_click=event,
        data_testid=test_id,
        custom_attrs={"data-look": look} if look else {},
    )
