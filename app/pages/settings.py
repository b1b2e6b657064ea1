"""Language, theme, keys for programs, and the workspace's budget."""

import reflex as rx
from reflex.style import color_mode, set_color_mode

from app.components import moments
from app.components.budget import budget
from app.components.forms import alert, field
from app.components.shell import page_header, shell
from app.components.words import attribute, words
from app.state.settings import KeyRow, SettingsState

_LANGUAGES = {"en": "English", "ru": "Русский"}


def settings() -> rx.Component:
    return shell(
        "/settings",
        page_header("ui.settings.title"),
        rx.el.div(
            rx.el.div(_person(), _language(), _theme(), _keys(), budget(), class_name="pm-column"),
            class_name="pm-scroll",
        ),
    )


def _block(title: str, *content: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(words(title)), *content, class_name="pm-block")


def _person() -> rx.Component:
    return _block(
        "ui.settings.person",
        rx.el.div(
            rx.el.div(SettingsState.name),
            rx.el.div(SettingsState.email, class_name="pm-quiet"),
            class_name="pm-person",
        ),
    )


def _language() -> rx.Component:
    buttons = [
        rx.el.button(
            name,
            type="button",
            data_testid=f"language-{locale}",
            custom_attrs={"aria-pressed": rx.cond(SettingsState.locale == locale, "true", "false")},
            on_click=SettingsState.speak(locale),  # type: ignore[operator]
        )
        for locale, name in _LANGUAGES.items()
    ]
    return _block("ui.settings.language", rx.el.div(*buttons, class_name="pm-choice", role="group"))


def _theme() -> rx.Component:
    buttons = [
        rx.el.button(
            words(f"ui.settings.theme_{mode}"),
            type="button",
            data_testid=f"theme-{mode}",
            custom_attrs={"aria-pressed": rx.cond(color_mode == mode, "true", "false")},
            on_click=set_color_mode(mode),
        )
        for mode in ("system", "light", "dark")
    ]
    return _block("ui.settings.theme", rx.el.div(*buttons, class_name="pm-choice", role="group"))


def _keys() -> rx.Component:
    made = rx.cond(
        SettingsState.new_key != "",
        rx.el.div(
            rx.el.p(words("ui.settings.key_once")),
            rx.el.code(SettingsState.new_key, class_name="pm-code", data_testid="new-key"),
            rx.el.div(
                rx.el.button(
                    words("ui.settings.copy"),
                    type="button",
                    class_name="pm-button",
                    on_click=rx.set_clipboard(SettingsState.new_key),
                )
            ),
            class_name="pm-block",
        ),
    )
    form = rx.el.form(
        rx.el.div(
            field("key_name", "ui.settings.key_name", placeholder=attribute("ui.settings.key_default")),
            rx.el.button(
                words("ui.settings.key_create"),
                type="submit",
                class_name="pm-button",
                data_testid="create-key",
                custom_attrs={"data-look": "primary"},
            ),
            class_name="pm-line",
        ),
        on_submit=SettingsState.create_key,
        reset_on_submit=True,
    )
    return _block(
        "ui.settings.keys",
        rx.el.p(words("ui.settings.keys_help")),
        alert(SettingsState.problem),
        form,
        made,
        rx.el.div(rx.foreach(SettingsState.keys, _key)),
    )


def _key(key: KeyRow) -> rx.Component:
    return rx.el.div(
        rx.el.span(key.name),
        rx.el.code(key.prefix, class_name="pm-mono"),
        rx.el.span(
            rx.cond(key.used != "", moments.ago(key.used), words("ui.settings.key_unused")),
            class_name="pm-quiet",
        ),
        rx.el.button(
            rx.icon("trash-2", size=15),
            type="button",
            class_name="pm-icon-button",
            aria_label=attribute("ui.settings.key_revoke"),
            title=attribute("ui.settings.key_revoke"),
            on_click=SettingsState.revoke_key(key.id),  # type: ignore[operator]
        ),
        class_name="pm-key-row",
        data_testid=f"key-{key.id}",
    )
