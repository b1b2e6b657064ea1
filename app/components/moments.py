"""Moments as the viewer's clock tells them. Written and kept current by pages.js: the server does not know the zone."""

import reflex as rx

from app.components.words import attribute

Text = rx.Var[str] | str


def ago(moment: Text, class_name: str = "") -> rx.Component:
    """How long ago an ISO 8601 moment was; the full date and time as its title."""
    return _time(moment, "ago", class_name)


def left(moment: Text, class_name: str = "") -> rx.Component:
    """How long there is until then; in words of their own once it has passed."""
    words = {
        "data-pattern": attribute("time.left"),
        "data-over": attribute("time.over"),
    }
    return _time(moment, "left", class_name, **words)


def clock(moment: Text, class_name: str = "") -> rx.Component:
    """The time of day; with the date where it is not today."""
    return _time(moment, "clock", class_name)


def _time(moment: Text, mode: str, class_name: str, **attributes: rx.Var[str]) -> rx.Component:
    shown: rx.Component = rx.el.time(
        date_time=moment,
        class_name=f"pm-time {class_name}".strip(),
        custom_attrs={"data-time": mode, **attributes},
    )
    return rx.cond(moment != "", shown)
