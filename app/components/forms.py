"""Fields of plain forms: label, control, what is wrong with it."""

from typing import Any

import reflex as rx

from app.components.words import words

# Read from a state's class, a field is its variable, whatever its annotation says.
Text = rx.Var[str] | str


def field(name: str, label: str, problem: Text | None = None, **props: Any) -> rx.Component:
    """A labelled input with the name as its test id. `problem` stands under it while it is not empty."""
    wrong = (
        [] if problem is None else [rx.cond(problem != "", rx.el.p(problem, class_name="pm-field-problem"))]
    )
    control = rx.el.input(id=name, name=name, class_name="pm-input", data_testid=name, **props)
    return rx.el.div(
        rx.el.div(rx.el.label(words(label), html_for=name), class_name="pm-field-label"),
        control,
        *[rx.el.div(each, class_name="pm-field-about") for each in wrong],
        class_name="pm-field",
        role="group",
    )


def alert(text: Text, **props: Any) -> rx.Component:
    """A sentence about what went wrong, while there is one."""
    return rx.cond(text != "", rx.el.div(text, class_name="pm-alert", role="alert", **props))
