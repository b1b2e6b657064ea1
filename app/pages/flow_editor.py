"""One flow on its canvas."""

import reflex as rx
from reflex.style import resolved_color_mode

from app.components.canvas.editor import flow_editor
from app.components.shell import shell
from app.components.words import words
from app.state.editor import EditorState


def editor() -> rx.Component:
    canvas = flow_editor(
        flow_id=EditorState.opened,
        locale=EditorState.locale,
        color_mode=resolved_color_mode,
        live=EditorState.live,
        on_run=EditorState.follow_run,
        on_alive=EditorState.alive,
        on_presence=EditorState.present,
    )
    return shell(
        "/flows", rx.cond(EditorState.missing, _missing(), rx.el.div(canvas, class_name="pm-editor-place"))
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.icon("file-question-mark", size=28, stroke_width=1.5),
        rx.el.h2(words("ui.editor.missing_title")),
        rx.el.p(words("ui.editor.missing")),
        rx.link(words("ui.editor.to_flows"), href="/flows", class_name="pm-button", underline="none"),
        class_name="pm-empty",
        data_testid="flow-missing",
    )
