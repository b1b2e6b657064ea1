"""An address where nothing is."""

import reflex as rx

from app.components.shell import logo
from app.components.words import words


def not_found() -> rx.Component:
    return rx.el.main(
        rx.el.div(
            logo(32),
            rx.el.h1(words("ui.missing.title")),
            rx.el.p(words("ui.missing.text"), class_name="pm-door-foot"),
            rx.link(words("ui.editor.to_flows"), href="/flows", class_name="pm-button", underline="none"),
            class_name="pm-door-card",
        ),
        class_name="pm-door",
    )
