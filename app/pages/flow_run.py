"""One run: its timeline, each step's values, what it asks, and cancel, replay and fork."""

from typing import Any

import reflex as rx

from app.components import moments
from app.components.forms import alert
from app.components.inbox_card import inbox_card
from app.components.shell import live_refresh, shell
from app.components.status_dot import status_dot
from app.components.words import attribute, words
from app.state.flow_run import RunState, StepRow
from app.state.run_effects import EffectRow


def flow_run() -> rx.Component:
    return shell(
        "/runs",
        _header(),
        rx.el.div(
            alert(RunState.problem, data_testid="run-problem"),
            rx.cond(RunState.loaded, _body(), _skeleton()),
            live_refresh(RunState.refresh_run),
            class_name="pm-scroll",
            data_testid="run-page",
        ),
        _replay_dialog(),
    )


def _header() -> rx.Component:
    run = RunState.run
    title = rx.el.div(
        rx.link(
            rx.icon("arrow-left", size=16),
            href="/runs",
            class_name="pm-icon-button",
            aria_label=attribute("ui.shell.runs"),
        ),
        rx.cond(RunState.loaded, status_dot(run.status, run.status_name)),
        rx.el.h1(run.name),
        rx.el.span(run.status_name, class_name="pm-quiet", data_testid="run-status"),
        class_name="pm-run-title",
    )
    cancel = rx.cond(
        run.active,
        _button("square", "ui.run.cancel", RunState.cancel, "cancel-run"),
    )
    resume = rx.cond(
        (run.status == "failed") & ~run.dead & (run.removed == ""),
        _button("play", "ui.run.resume", RunState.resume, "resume-run"),
    )
    replay = _button("rotate-ccw", "ui.run.replay", RunState.plan_replay(""), "replay-run")  # type: ignore[operator]
    tested = rx.cond(
        ~run.active & (run.flow_id != "") & (run.removed == ""),
        _button("flask-conical", "ui.run.make_test", RunState.make_test, "make-test"),
    )
    opened = rx.cond(
        run.flow_id != "",
        rx.link(
            rx.icon("workflow", size=14),
            words("ui.run.open_flow"),
            href=f"/flows/{run.flow_id}",
            class_name="pm-button",
            underline="none",
        ),
    )
    tools = rx.cond(RunState.loaded, rx.el.div(cancel, resume, replay, tested, opened, class_name="pm-line"))
    return rx.el.header(title, rx.el.span(class_name="pm-grow"), tools, class_name="pm-page-header pm-tall")


def _button(icon: str, key: str, event: Any, test_id: str, look: str = "") -> rx.Component:
    return rx.el.button(
        rx.icon(icon, size=14),
        words(key),
        type="button",
        class_name="pm-button",
        on_click=event,
        data_testid=test_id,
        custom_attrs={"data-look": look} if look else {},
    )


def _body() -> rx.Component:
    return rx.el.div(
        _facts(),
        _failure(),
        rx.foreach(RunState.rows, inbox_card),
        rx.cond(RunState.run.listens, _reply()),
        _effects(),
        rx.el.section(
            rx.el.h2(words("ui.run.steps")),
            rx.cond(
                RunState.run.removed != "",
                rx.el.p(RunState.run.removed, class_name="pm-quiet", data_testid="details-removed"),
            ),
            rx.el.ol(rx.foreach(RunState.steps, _step), class_name="pm-steps"),
            rx.cond(RunState.left_out != "", rx.el.p(RunState.left_out, class_name="pm-quiet")),
            class_name="pm-block",
        ),
        _values(),
        class_name="pm-run",
    )


def _facts() -> rx.Component:
    run = RunState.run
    replay_of = rx.cond(
        run.replay_of != "",
        rx.el.span(
            words("ui.run.replay_of"),
            " ",
            rx.link(words("ui.run.first_run"), href=f"/runs/{run.replay_of}", class_name="pm-link"),
            rx.cond(run.replay_from != "", rx.el.span(" · ", run.replay_from)),
        ),
    )
    facts = [run.took, run.source, run.version, run.tokens, run.cost]
    return rx.el.div(
        rx.cond(run.simulate, rx.el.span(words("run.is_simulated"), class_name="pm-tag-kind")),
        moments.ago(run.began),
        *[rx.cond(each != "", rx.el.span(each)) for each in facts],
        replay_of,
        class_name="pm-facts pm-quiet",
    )


def _reply() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            name="answer",
            class_name="pm-input",
            aria_label=attribute("ui.run.answer"),
            placeholder=attribute("ui.run.answer"),
            auto_complete="off",
            data_testid="run-answer",
        ),
        rx.el.button(
            words("inbox.send"), type="submit", class_name="pm-button", custom_attrs={"data-look": "primary"}
        ),
        on_submit=RunState.answer,
        reset_on_submit=True,
        class_name="pm-reply",
    )


def _failure() -> rx.Component:
    """Why it failed; of a dead letter also what that means, and the way on."""
    dead = rx.el.div(
        rx.el.strong(words("run.dead")),
        rx.el.p(RunState.run.error),
        rx.el.p(words("ui.run.dead_help")),
        _button("play", "ui.run.resume", RunState.resume, "resume-dead", "primary"),
        class_name="pm-alert pm-dead-letter",
        role="alert",
        data_testid="dead-letter",
    )
    plain = rx.el.div(RunState.run.error, class_name="pm-alert", role="alert")
    return rx.cond(RunState.run.error != "", rx.cond(RunState.run.dead, dead, plain))


def _effects() -> rx.Component:
    return rx.cond(
        RunState.effects.length() > 0,  # type: ignore[attr-defined]
        rx.el.section(
            rx.el.h2(words("ui.run.effects")),
            rx.el.p(words("ui.run.effects_help"), class_name="pm-quiet"),
            rx.el.ol(rx.foreach(RunState.effects, _effect), class_name="pm-effects"),
            class_name="pm-block",
            data_testid="effects",
        ),
        rx.cond(
            RunState.run.simulate & ~RunState.run.active,
            rx.el.p(words("ui.run.no_effects"), class_name="pm-quiet", data_testid="no-effects"),
        ),
    )


def _effect(effect: EffectRow) -> rx.Component:
    icons = {"http.request": "globe", "message": "send", "wait": "clock"}
    icon = rx.match(
        effect.kind,
        *[(kind, rx.icon(name, size=16, stroke_width=1.75)) for kind, name in icons.items()],
        rx.icon("circle-dot", size=16, stroke_width=1.75),
    )
    return rx.el.li(
        icon,
        rx.el.span(effect.what, " ", moments.clock(effect.until), class_name="pm-effect-what"),
        rx.el.span(effect.step, class_name="pm-quiet pm-effect-step"),
        rx.cond(effect.body != "", rx.el.pre(effect.body, class_name="pm-code", tab_index=0)),
    )


def _step(step: StepRow) -> rx.Component:
    line = rx.el.button(
        status_dot(step.status, step.status_name),
        rx.el.span(step.title, class_name="pm-step-title"),
        rx.el.span(
            rx.cond(step.place != "", step.place + "/" + step.node, step.node), class_name="pm-mono pm-quiet"
        ),
        rx.el.span(class_name="pm-grow"),
        rx.cond(
            step.attempts > 1,
            rx.el.span(step.attempts, "×", class_name="pm-quiet", title=attribute("ui.run.attempts")),
        ),
        rx.cond(
            step.cached,
            rx.el.span(words("ui.run.cached"), class_name="pm-quiet", title=attribute("ui.run.cached_help")),
        ),
        rx.el.span(step.cost, class_name="pm-quiet"),
        rx.el.span(step.took, class_name="pm-quiet pm-step-took"),
        type="button",
        class_name="pm-step-line",
        on_click=RunState.choose(step.key),  # type: ignore[operator]
        custom_attrs={
            "aria-expanded": rx.cond(RunState.chosen_step == step.key, "true", "false"),
            "data-row": "open",
        },
        data_testid=f"step-{step.key}",
    )
    return rx.el.li(line, rx.cond(RunState.chosen_step == step.key, _details(step)), key=step.key)


def _details(step: StepRow) -> rx.Component:
    return rx.el.div(
        rx.cond(step.error != "", rx.el.div(step.error, class_name="pm-alert")),
        _value("ui.run.input", step.input, step.input_size, step.link + "input"),
        _value("ui.run.output", step.output, step.output_size, step.link + "output"),
        rx.cond(
            step.effects.length() > 0,  # type: ignore[attr-defined]
            rx.el.div(
                rx.el.h3(words("ui.run.effects")),
                rx.el.ol(rx.foreach(step.effects, _effect), class_name="pm-effects"),
            ),
        ),
        rx.el.div(
            rx.cond(
                step.ports != "", rx.el.span(words("ui.run.left_by"), " ", step.ports, class_name="pm-quiet")
            ),
            rx.el.span(class_name="pm-grow"),
            _button(
                "rotate-ccw",
                "ui.run.replay_here",
                RunState.plan_replay(step.node),  # type: ignore[operator]
                "replay-here",
            ),
            class_name="pm-line",
        ),
        class_name="pm-step-details",
    )


def _value(
    key: str, text: rx.Var[str] | str, size: rx.Var[str] | str = "", link: rx.Var[str] | str = ""
) -> rx.Component:
    """A value; of a very large one the beginning, its size and the way to all of it."""
    whole = rx.el.p(
        words("ui.run.beginning_of"),
        " ",
        size,
        ". ",
        rx.el.a(
            words("ui.run.whole_value"),
            href=link,
            download="",
            class_name="pm-link",
            custom_attrs={"reloadDocument": True},  # else the router takes the click and nothing comes
        ),
        class_name="pm-quiet",
        data_testid="large-value",
    )
    return rx.cond(
        text != "",
        rx.el.div(
            rx.el.h3(words(key)),
            rx.el.pre(text, class_name="pm-code", tab_index=0),
            rx.cond(size != "", whole),
        ),
    )


def _values() -> rx.Component:
    run = RunState.run
    said = rx.cond(
        run.messages.length() > 0,  # type: ignore[attr-defined]
        rx.el.div(
            rx.el.h3(words("ui.run.messages")),
            rx.foreach(run.messages, lambda each: rx.el.p(each, class_name="pm-run-message")),
        ),
    )
    return rx.el.section(
        _value("ui.run.input", run.input, run.input_size, run.link + "input"),
        _value("ui.run.output", run.output, run.output_size, run.link + "output"),
        said,
        class_name="pm-block",
    )


def _replay_dialog() -> rx.Component:
    heading = rx.cond(
        RunState.from_node != "",
        rx.fragment(words("ui.run.replay_from"), ": ", RunState.from_title),
        words("ui.run.replay_all"),
    )

    def choice(key: str, really: bool) -> rx.Component:
        return rx.el.button(
            words(key),
            type="button",
            on_click=RunState.choose_really(really),  # type: ignore[operator]
            custom_attrs={"aria-pressed": rx.cond(RunState.really == really, "true", "false")},
            data_testid=f"really-{str(really).lower()}",
        )

    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title(heading, custom_attrs={"as": "h2"}, size="3"),
            rx.el.p(words("ui.run.replay_help"), class_name="pm-quiet"),
            rx.cond(
                RunState.editable,
                _edited(),
                rx.el.p(words("ui.run.too_large_to_edit"), class_name="pm-quiet"),
            ),
            rx.el.div(
                choice("ui.run.simulate", False), choice("ui.run.for_real", True), class_name="pm-choice"
            ),
            rx.el.div(
                rx.dialog.close(rx.el.button(words("cancel"), type="button", class_name="pm-button")),
                _button("play", "ui.run.start", RunState.replay, "start-replay", "primary"),
                class_name="pm-line pm-dialog-foot",
            ),
            class_name="pm-dialog",
            aria_describedby=rx.Var("undefined"),
        ),
        open=RunState.replaying,
        on_open_change=RunState.close_replay,
    )


def _edited() -> rx.Component:
    return rx.el.label(
        rx.el.span(words("ui.run.replay_value"), class_name="pm-quiet"),
        rx.el.textarea(
            default_value=RunState.edited,
            on_blur=RunState.edit,
            class_name="pm-input",
            rows=8,
            spell_check=False,
            custom_attrs={
                "data-template": "true",
                "aria-invalid": rx.cond(RunState.edit_problem != "", "true", "false"),
            },
            data_testid="replay-value",
        ),
        rx.cond(
            RunState.edit_problem != "",
            rx.el.span(RunState.edit_problem, class_name="pm-field-problem", role="alert"),
        ),
        class_name="pm-field",
    )


def _skeleton() -> rx.Component:
    rows = [rx.el.div(class_name="pm-skeleton-row") for _ in range(6)]
    return rx.el.div(*rows, class_name="pm-run", aria_busy="true")
