"""What all pages of signed-in people share: the rail with the product's pages, and a header."""

from typing import Any

import reflex as rx

from app.components.words import attribute, words
from app.state.session import SessionState


def logo(size: int = 20) -> rx.Component:
    return rx.el.span(
        rx.icon("flame", size=size, color="var(--orange-9)", stroke_width=2), class_name="pm-logo"
    )


def _rail_link(icon: str, key: str, href: str, current: str) -> rx.Component:
    return rx.link(
        rx.icon(icon, size=18, stroke_width=1.75),
        href=href,
        class_name="pm-icon-button",
        aria_label=attribute(key),
        title=attribute(key),
        custom_attrs={"aria-current": "page"} if href == current else {},
        underline="none",
    )


def _account() -> rx.Component:
    trigger = rx.el.button(
        rx.icon("circle-user-round", size=18, stroke_width=1.75),
        class_name="pm-icon-button",
        type="button",
        aria_label=attribute("ui.shell.account"),
        title=attribute("ui.shell.account"),
        data_testid="account",
    )
    return rx.dropdown_menu.root(
        rx.dropdown_menu.trigger(trigger),
        rx.dropdown_menu.content(
            rx.dropdown_menu.item(SessionState.email, disabled=True),
            rx.dropdown_menu.item(words("ui.shell.settings"), on_select=rx.redirect("/settings")),
            rx.dropdown_menu.separator(),
            rx.dropdown_menu.item(
                words("ui.shell.sign_out"), on_select=SessionState.sign_out, data_testid="sign-out"
            ),
            variant="soft",
            color_scheme="gray",
        ),
    )


def _theme() -> rx.Component:
    return rx.el.button(
        rx.color_mode_cond(
            rx.icon("moon", size=18, stroke_width=1.75), rx.icon("sun", size=18, stroke_width=1.75)
        ),
        class_name="pm-icon-button",
        type="button",
        aria_label=attribute("ui.shell.theme"),
        title=attribute("ui.shell.theme"),
        on_click=rx.toggle_color_mode,
    )


def shell(current: str, *content: rx.Component) -> rx.Component:
    """A page inside the product. `current` is the path its rail entry leads to."""
    rail = rx.el.nav(
        rx.link(logo(), href="/flows", aria_label="Prometey", class_name="pm-home"),
        _rail_link("workflow", "ui.shell.flows", "/flows", current),
        _rail_link("activity", "ui.shell.runs", "/runs", current),
        _rail_link("inbox", "ui.shell.approvals", "/approvals", current),
        _rail_link("key-round", "ui.shell.credentials", "/credentials", current),
        rx.el.span(class_name="pm-grow"),
        _rail_link("settings", "ui.shell.settings", "/settings", current),
        _theme(),
        _account(),
        class_name="pm-rail",
        aria_label=attribute("ui.shell.pages"),
    )
    return rx.el.div(rail, rx.el.main(*content, class_name="pm-main"), class_name="pm-shell")


def page_header(title: str, *tools: rx.Component) -> rx.Component:
    """A page's title and tools. With many tools it takes a second line on narrow screens."""
    look = "pm-page-header pm-tall" if len(tools) > 1 else "pm-page-header"
    return rx.el.header(rx.el.h1(words(title)), rx.el.span(class_name="pm-grow"), *tools, class_name=look)


def live_refresh(event: Any) -> rx.Component:
    """A page that looks again every few seconds while somebody sees it; pages.js presses this button."""
    return rx.el.button(
        type="button",
        hidden=True,
        on_click=event,
        tab_index=-1,
        aria_hidden="true",
        custom_attrs={"data-refresh": "true"},
    )
