"""Texts of pages, in every language at once: the page's language shows its own, before anything else is loaded.

Attributes cannot be shown and hidden: they follow the state, which knows the language a moment later.
"""

import reflex as rx

from app.i18n import LOCALES, t
from app.state.session import SessionState


def words(key: str) -> rx.Component:
    """The sentence of `key`."""
    spans = [rx.el.span(t(key, locale), custom_attrs={"data-l": locale}) for locale in LOCALES]
    return rx.fragment(*spans)


def two(english: str, russian: str) -> rx.Component:
    """A text that has no key because it comes from data that exists in both languages."""
    return rx.fragment(
        rx.el.span(english, custom_attrs={"data-l": "en"}), rx.el.span(russian, custom_attrs={"data-l": "ru"})
    )


def attribute(key: str) -> rx.Var[str]:
    """The sentence of `key` for a placeholder, a title or a label."""
    chosen: rx.Var[str] = rx.cond(SessionState.locale == "ru", t(key, "ru"), t(key, "en"))
    return chosen
