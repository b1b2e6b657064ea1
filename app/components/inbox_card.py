"""One request to a person, with what they can do about it."""

from typing import Any

import reflex as rx

from app.components import moments
from app.components.words import attribute, words
from app.state.inbox import InboxState
from app.state.inbox_rows import FormField, InboxRow, SaidRow

ICONS = {
    "approval": "circle-check",
    "task": "list-todo",
    "takeover": "messages-square",
    "unknown": "triangle-alert",
}


def kind_icon(kind: rx.Var[str] | str, name: rx.Var[str] | str) -> rx.Component:
    icons = [(each, rx.icon(icon, size=16, stroke_width=1.75)) for each, icon in ICONS.items()]
    return rx.el.span(
        rx.match(kind, *icons, rx.fragment()),
        class_name="pm-ask-icon",
        role="img",
        aria_label=name,
        title=name,
        custom_attrs={"data-ask": kind},
    )


def inbox_card(row: InboxRow) -> rx.Component:
    return rx.el.article(
        rx.el.header(
            kind_icon(row.kind, row.kind_name),
            rx.el.span(row.kind_name, class_name="pm-quiet"),
            rx.cond(row.simulate, rx.el.span(words("run.is_simulated"), class_name="pm-tag-kind")),
            rx.el.span(class_name="pm-grow"),
            moments.left(row.due_at, "pm-due"),
            rx.cond(row.decided != "", rx.el.span(row.decided, class_name="pm-quiet")),
            moments.ago(row.decided_at, "pm-quiet"),
        ),
        rx.el.h2(row.title),
        rx.cond(row.description != "", rx.el.p(row.description)),
        rx.cond(row.parameters != "", rx.el.pre(row.parameters, class_name="pm-code", tab_index=0)),
        rx.cond(row.answers != "", rx.el.p(row.answers, class_name="pm-quiet", data_testid="answers")),
        rx.cond(row.refusal != "", rx.el.p(row.refusal, class_name="pm-hint-box")),
        rx.cond(row.may_decide, _actions(row)),
        _source(row),
        key=row.id,
        class_name="pm-ask",
        data_testid=f"ask-{row.id}",
    )


def _source(row: InboxRow) -> rx.Component:
    return rx.el.footer(
        words("inbox.asked_by"),
        " ",
        rx.link(row.flow_name, href=f"/runs/{row.run_id}", class_name="pm-link"),
        " · ",
        rx.el.code(row.node, class_name="pm-mono"),
        " · ",
        moments.ago(row.asked_at),
        class_name="pm-quiet",
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
    star = rx.cond(each.required, rx.el.span("*", aria_hidden="true"))
    return rx.el.label(
        rx.el.span(each.title, " ", star, class_name="pm-field-name"),
        rx.match(
            each.kind,
            ("boolean", _choice(row, each, _yes_or_no())),
            (
                "choice",
                _choice(row, each, rx.foreach(each.options, lambda one: rx.el.option(one, value=one))),
            ),
            ("long", rx.el.textarea(rows=3, **_control(row, each))),
            ("date", rx.el.input(type="date", **_control(row, each))),
            ("number", rx.el.input(input_mode="decimal", **_control(row, each))),
            rx.el.input(**_control(row, each)),
        ),
        rx.cond(
            each.problem != "",
            rx.el.span(each.problem, class_name="pm-field-problem", role="alert"),
            rx.cond(each.help != "", rx.el.span(each.help, class_name="pm-field-about")),
        ),
        class_name="pm-field",
        custom_attrs={"data-severity": rx.cond(each.problem != "", "error", "")},
    )


def _control(row: InboxRow, each: FormField) -> dict[str, Any]:
    return {
        "class_name": "pm-input",
        "default_value": each.value,
        "aria_label": each.title,
        "on_blur": lambda text: InboxState.fill(row.id, each.name, text),  # type: ignore[operator]
        "data_testid": f"form-{each.name}",
        "custom_attrs": {"aria-invalid": rx.cond(each.problem != "", "true", "false")},
    }


def _choice(row: InboxRow, each: FormField, options: Any) -> rx.Component:
    chosen = rx.el.select(
        rx.el.option("—", value=""),
        options,
        class_name="pm-input",
        default_value=each.value,
        aria_label=each.title,
        on_change=lambda text: InboxState.fill(row.id, each.name, text),  # type: ignore[operator]
        data_testid=f"form-{each.name}",
    )
    return rx.el.span(chosen, rx.icon("chevron-down", size=14), class_name="pm-select")


def _yes_or_no() -> rx.Component:
    return rx.fragment(
        rx.el.option(attribute("inbox.yes"), value="true"),
        rx.el.option(attribute("inbox.no"), value="false"),
    )


def _task(row: InboxRow) -> rx.Component:
    done = _button("inbox.done", InboxState.finish(row.id), "finish", "primary")  # type: ignore[operator]
    return rx.el.div(
        _note(row, "inbox.result"), rx.el.div(done, class_name="pm-line"), class_name="pm-ask-actions"
    )


def _takeover(row: InboxRow) -> rx.Component:
    """Reflex lifts what a form does out of the loop, so the form itself says whose it is."""
    reply = rx.el.form(
        rx.el.input(type="hidden", name="item", value=row.id, read_only=True),
        rx.el.input(type="hidden", name="conversation", value=row.conversation_id, read_only=True),
        rx.el.textarea(
            name="reply",
            class_name="pm-input",
            rows=2,
            aria_label=attribute("inbox.reply"),
            placeholder=attribute("inbox.reply"),
            enter_key_submit=True,
            data_testid="reply",
        ),
        rx.el.div(
            rx.el.button(
                words("inbox.send"),
                rx.el.kbd("Enter"),
                type="submit",
                class_name="pm-button",
                data_testid="say",
                custom_attrs={"data-look": "primary"},
            ),
            rx.el.span(class_name="pm-grow"),
            _button("inbox.give_back", InboxState.give_back(row.id), "give-back"),  # type: ignore[operator]
            class_name="pm-line",
        ),
        on_submit=InboxState.write,
        reset_on_submit=True,
        class_name="pm-ask-actions",
    )
    return rx.fragment(
        rx.el.div(
            rx.foreach(row.said, _said),
            class_name="pm-thread",
            role="log",
            tab_index=0,
            custom_attrs={"data-thread": "true"},
        ),
        reply,
        rx.el.p(words("inbox.takeover_help"), class_name="pm-quiet"),
    )


def _said(said: SaidRow) -> rx.Component:
    return rx.el.div(
        rx.el.p(said.text),
        rx.el.span(
            rx.cond(said.who != "", rx.el.span(said.who, " · ")),
            moments.clock(said.at),
            class_name="pm-quiet",
        ),
        class_name="pm-said",
        custom_attrs={"data-mine": rx.cond(said.mine, "true", "false")},
    )


def _unknown(row: InboxRow) -> rx.Component:
    return rx.el.div(
        rx.el.p(words("inbox.unknown_help")),
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
