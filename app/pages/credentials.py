"""Credentials that flows use by the name of their slot: add, replace, remove. Secrets go in and never come out."""

from typing import Any

import reflex as rx

from app.components import moments
from app.components.forms import alert, field
from app.components.shell import page_header, shell
from app.components.words import attribute, words
from app.services.credentials import NEEDS
from app.state.credentials import CredentialRow, CredentialState

# What is shown while it is typed; everything else is a secret.
_OPEN = {"username", "name"}


def credentials() -> rx.Component:
    return shell(
        "/credentials",
        page_header("ui.credentials.title", _new("new-credential")),
        rx.el.div(
            alert(CredentialState.problem),
            rx.cond(
                CredentialState.loaded,
                rx.cond(CredentialState.rows.length() > 0, _rows(), _empty()),  # type: ignore[attr-defined]
                _skeleton(),
            ),
            class_name="pm-scroll",
            data_testid="credentials",
        ),
        _add_dialog(),
        _replace_dialog(),
        _delete_dialog(),
    )


def _new(test_id: str) -> rx.Component:
    """Asleep until the page has loaded: what loads closes the dialogs of the last visit."""
    return rx.el.button(
        rx.icon("plus", size=14),
        words("ui.credentials.new"),
        type="button",
        class_name="pm-button",
        disabled=~CredentialState.is_hydrated,
        on_click=CredentialState.begin,
        data_testid=test_id,
        custom_attrs={"data-look": "primary"},
    )


def _rows() -> rx.Component:
    return rx.el.ul(rx.foreach(CredentialState.rows, _row), class_name="pm-rows")


def _row(row: CredentialRow) -> rx.Component:
    used = rx.cond(
        row.flows.length() > 0,  # type: ignore[attr-defined]
        rx.foreach(
            row.flows,
            lambda flow: rx.link(flow.name, href=f"/flows/{flow.id}", class_name="pm-link pm-used"),
        ),
        rx.el.span(words("ui.credentials.unused"), class_name="pm-quiet"),
    )
    made = rx.cond(
        row.changed_at != "",
        rx.fragment(words("ui.credentials.changed"), " ", moments.ago(row.changed_at)),
        rx.fragment(rx.cond(row.author != "", rx.fragment(row.author, " · ")), moments.ago(row.made_at)),
    )
    return rx.el.li(
        rx.el.code(row.name, class_name="pm-credential-name"),
        rx.el.span(row.kind_name, class_name="pm-quiet"),
        rx.el.span(used, class_name="pm-used-by"),
        rx.el.span(made, class_name="pm-quiet"),
        rx.el.span(
            _tool("refresh-cw", "ui.credentials.replace", row, "replace"),
            _tool("trash-2", "ui.credentials.delete", row, "delete"),
            class_name="pm-row-tools",
        ),
        key=row.id,
        class_name="pm-flow-row pm-credential-row",
        data_testid=f"credential-{row.name}",
    )


def _tool(icon: str, key: str, row: CredentialRow, purpose: str) -> rx.Component:
    return rx.el.button(
        rx.icon(icon, size=15),
        type="button",
        class_name="pm-icon-button",
        aria_label=attribute(key),
        title=attribute(key),
        on_click=CredentialState.ask(row.id, purpose),  # type: ignore[operator]
        data_testid=purpose,
    )


def _add_dialog() -> rx.Component:
    name = rx.el.div(
        rx.el.label(words("ui.credentials.name"), html_for="credential-name"),
        rx.el.input(
            id="credential-name",
            name="name",
            class_name="pm-input",
            default_value=CredentialState.new_name,
            max_length=60,
            required=True,
            spell_check=False,
            auto_complete="off",
            placeholder="shop",
            data_testid="credential-name",
        ),
        rx.cond(
            CredentialState.name_problem != "",
            rx.el.p(CredentialState.name_problem, class_name="pm-field-problem", role="alert"),
            rx.el.p(words("ui.credentials.name_help"), class_name="pm-field-about"),
        ),
        class_name="pm-field",
    )
    kinds = rx.el.div(
        rx.el.label(words("ui.credentials.kind"), html_for="credential-kind"),
        rx.el.span(
            rx.el.select(
                *[rx.el.option(attribute(f"credential.kind.{kind}"), value=kind) for kind in NEEDS],
                id="credential-kind",
                name="kind",
                class_name="pm-input",
                value=CredentialState.kind,
                on_change=CredentialState.choose_kind,
                data_testid="credential-kind",
            ),
            rx.icon("chevron-down", size=14),
            class_name="pm-select",
        ),
        rx.match(
            CredentialState.kind,
            *[
                (kind, rx.el.p(words(f"ui.credentials.{kind}_help"), class_name="pm-field-about"))
                for kind in NEEDS
            ],
            rx.fragment(),
        ),
        class_name="pm-field",
    )
    return _dialog(
        CredentialState.adding,
        words("ui.credentials.new"),
        rx.el.form(
            name,
            kinds,
            _secrets(CredentialState.kind),
            alert(CredentialState.form_problem),
            _foot(_submit("ui.credentials.add")),
            on_submit=CredentialState.add,
            class_name="pm-dialog-form",
        ),
    )


def _replace_dialog() -> rx.Component:
    return _dialog(
        CredentialState.purpose == "replace",
        rx.fragment(words("ui.credentials.replace_title"), " ", CredentialState.subject.name),
        rx.el.p(words("ui.credentials.replace_help"), class_name="pm-quiet"),
        rx.el.form(
            _secrets(CredentialState.subject.kind),
            alert(CredentialState.form_problem),
            _foot(_submit("ui.credentials.replace")),
            on_submit=CredentialState.replace,
            class_name="pm-dialog-form",
        ),
    )


def _delete_dialog() -> rx.Component:
    subject = CredentialState.subject
    used = rx.fragment(
        rx.el.p(words("ui.credentials.delete_used")),
        rx.el.ul(
            rx.foreach(
                subject.flows,
                lambda flow: rx.el.li(rx.link(flow.name, href=f"/flows/{flow.id}", class_name="pm-link")),
            ),
            class_name="pm-used-list",
            data_testid="used-by",
        ),
    )
    button = rx.el.button(
        words("ui.credentials.delete"),
        type="button",
        class_name="pm-button",
        on_click=CredentialState.delete,
        data_testid="confirm-delete",
        custom_attrs={"data-look": "danger"},
    )
    return _dialog(
        CredentialState.purpose == "delete",
        rx.fragment(words("ui.credentials.delete_title"), " ", subject.name),
        rx.cond(
            subject.flows.length() > 0,
            used,
            rx.el.p(words("ui.credentials.delete_unused")),
        ),
        alert(CredentialState.form_problem),
        _foot(button),
    )


def _secrets(kind: Any) -> rx.Component:
    """The fields of a kind. Keyed by it, so that what was typed for another kind is gone."""
    forms = [
        (each, rx.el.div(*[_secret(each, name) for name in names], key=each, class_name="pm-dialog-form"))
        for each, names in NEEDS.items()
    ]
    return rx.match(kind, *forms, rx.fragment())


def _secret(kind: str, name: str) -> rx.Component:
    """What is no secret of a header or a query is its name; of a person, the user name."""
    part = f"{kind}_{name}"
    return field(
        f"secret_{name}",
        f"ui.credentials.field.{part}",
        type="text" if name in _OPEN else "password",
        required=True,
        auto_complete="off" if name in _OPEN else "new-password",
        spell_check=False,
        max_length=8_000,
    )


def _submit(key: str) -> rx.Component:
    return rx.el.button(
        words(key),
        type="submit",
        class_name="pm-button",
        data_testid="save-credential",
        custom_attrs={"data-look": "primary"},
    )


def _foot(*buttons: rx.Component) -> rx.Component:
    leave = rx.dialog.close(rx.el.button(words("cancel"), type="button", class_name="pm-button"))
    return rx.el.div(leave, *buttons, class_name="pm-line pm-dialog-foot")


def _dialog(is_open: Any, title: rx.Component, *content: rx.Component) -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(title, custom_attrs={"as": "h2"}, size="3"),
            *content,
            class_name="pm-dialog pm-narrow-dialog",
            aria_describedby=rx.Var("undefined"),
        ),
        open=is_open,
        on_open_change=CredentialState.close,
    )


def _empty() -> rx.Component:
    return rx.el.div(
        rx.icon("key-round", size=28, stroke_width=1.5),
        rx.el.h2(words("ui.credentials.empty_title")),
        rx.el.p(words("ui.credentials.empty")),
        _new("new-credential-here"),
        class_name="pm-empty",
    )


def _skeleton() -> rx.Component:
    rows = [rx.el.div(class_name="pm-skeleton-row") for _ in range(5)]
    return rx.el.div(*rows, class_name="pm-rows", aria_busy="true")
