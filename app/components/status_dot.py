"""How a run or a step stands, as a coloured dot with its name for those who do not see colours."""

import reflex as rx


def status_dot(status: rx.Var[str] | str, name: rx.Var[str] | str) -> rx.Component:
    return rx.el.span(
        class_name="pm-run-dot", role="img", aria_label=name, title=name, custom_attrs={"data-status": status}
    )
