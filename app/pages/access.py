"""The start page, signing in and signing up."""

import reflex as rx

from app.components.forms import alert, field
from app.components.shell import logo
from app.components.words import attribute, words
from app.core.settings import get_settings
from app.state.access import AccessState


def start() -> rx.Component:
    """Nothing to see: it leads on."""
    return rx.el.div(logo(32), class_name="pm-door", aria_label="Prometey")


def log_in() -> rx.Component:
    demo = [rx.el.p(words("ui.login.demo"), class_name="pm-hint-box")] if get_settings().embedded else []
    return _door(
        "ui.login.title",
        rx.el.form(
            alert(AccessState.problem, data_testid="form-problem"),
            field(
                "email",
                "ui.form.email",
                type="email",
                auto_complete="username",
                required=True,
                auto_focus=True,
            ),
            field(
                "password",
                "ui.form.password",
                type="password",
                auto_complete="current-password",
                required=True,
            ),
            _submit("ui.login.submit"),
            on_submit=AccessState.log_in,
        ),
        rx.el.p(
            words("ui.login.new"),
            " ",
            rx.link(words("ui.login.to_signup"), href="/signup", class_name="pm-link"),
        ),
        *demo,
    )


def sign_up() -> rx.Component:
    return _door(
        "ui.signup.title",
        rx.el.form(
            alert(AccessState.problem, data_testid="form-problem"),
            field("name", "ui.form.name", auto_complete="name", max_length=120, auto_focus=True),
            field(
                "email",
                "ui.form.email",
                AccessState.email_problem,
                type="email",
                auto_complete="username",
                required=True,
            ),
            field(
                "password",
                "ui.form.password",
                AccessState.password_problem,
                type="password",
                auto_complete="new-password",
                required=True,
                placeholder=attribute("ui.form.password_hint"),
            ),
            _submit("ui.signup.submit"),
            on_submit=AccessState.sign_up,
        ),
        rx.el.p(
            words("ui.signup.known"),
            " ",
            rx.link(words("ui.signup.to_login"), href="/login", class_name="pm-link"),
        ),
    )


def _submit(key: str) -> rx.Component:
    """Asleep until the page is live: sent earlier, the browser itself would put the form into the address."""
    return rx.el.button(
        words(key),
        type="submit",
        class_name="pm-button",
        disabled=AccessState.busy | ~AccessState.is_hydrated,
        data_testid="submit",
        custom_attrs={"data-look": "primary"},
    )


def _door(title: str, form: rx.Component, *foot: rx.Component) -> rx.Component:
    return rx.el.main(
        rx.el.div(
            logo(32),
            rx.el.h1(words(title)),
            form,
            *[rx.el.div(each, class_name="pm-door-foot") for each in foot],
            class_name="pm-door-card",
        ),
        class_name="pm-door",
    )
