"""All runs of the workspace: what happened, what is under way, what failed through no fault of its flow."""

import reflex as rx

from app.components import moments
from app.components.forms import alert
from app.components.shell import live_refresh, page_header, shell
from app.components.status_dot import status_dot
from app.components.words import attribute, words
from app.state.flow_runs import FILTERS, RunListState, RunRow


def flow_runs() -> rx.Component:
    return shell(
        "/runs",
        page_header("ui.runs.title", _filters(), rx.fragment()),
        rx.el.div(
            alert(RunListState.problem),
            rx.cond(RunListState.loaded, _rows(), _skeleton()),
            live_refresh(RunListState.refresh),
            class_name="pm-scroll",
            data_testid="runs",
        ),
    )


def _filters() -> rx.Component:
    search = rx.el.div(
        rx.icon("search", size=15, stroke_width=1.75),
        rx.el.input(
            class_name="pm-input",
            type="search",
            aria_label=attribute("ui.runs.search"),
            placeholder=attribute("ui.runs.search"),
            on_change=RunListState.find.debounce(250),  # type: ignore[attr-defined]
            data_testid="run-search",
            custom_attrs={"data-search": "true"},
        ),
        class_name="pm-find",
    )
    statuses = rx.el.span(
        rx.el.select(
            rx.el.option(attribute("ui.runs.all"), value=""),
            *[rx.el.option(attribute(f"run.filter.{each}"), value=each) for each in FILTERS],
            class_name="pm-input",
            value=RunListState.filter,
            aria_label=attribute("ui.runs.status"),
            on_change=RunListState.choose,
            data_testid="status-filter",
        ),
        rx.icon("chevron-down", size=14),
        class_name="pm-select",
    )
    return rx.el.div(search, statuses, class_name="pm-filters")


def _rows() -> rx.Component:
    more = rx.cond(
        RunListState.next != "",
        rx.el.button(
            words("ui.flows.more"), type="button", class_name="pm-button", on_click=RunListState.more
        ),
    )
    return rx.cond(
        RunListState.rows.length() > 0,  # type: ignore[attr-defined]
        rx.el.div(rx.el.ul(rx.foreach(RunListState.rows, _row), class_name="pm-rows"), more),
        rx.cond(
            (RunListState.words != "") | (RunListState.filter != ""),
            rx.el.div(rx.el.p(words("ui.runs.nothing_found")), class_name="pm-empty"),
            _empty(),
        ),
    )


def _row(run: RunRow) -> rx.Component:
    return rx.el.li(
        rx.link(
            status_dot(run.status, run.status_name),
            rx.el.span(run.name, class_name="pm-flow-name"),
            rx.cond(run.dead, rx.el.span(words("run.dead"), class_name="pm-tag-kind pm-dead")),
            rx.el.span(run.about, class_name="pm-flow-about"),
            href=f"/runs/{run.id}",
            class_name="pm-flow-link",
            custom_attrs={"data-row": "open"},
            underline="none",
            high_contrast=True,
            color_scheme="gray",
        ),
        rx.el.span(
            rx.cond(
                run.simulate, rx.el.span(words("run.is_simulated"), class_name="pm-tag-kind"), run.source
            ),
            class_name="pm-quiet",
        ),
        rx.el.span(run.cost, class_name="pm-quiet"),
        rx.el.span(run.took, class_name="pm-quiet"),
        moments.ago(run.began, "pm-quiet pm-keep"),
        rx.cond(run.failed, _resume(run), rx.el.span()),
        key=run.id,
        class_name="pm-flow-row pm-run-row",
        data_testid=f"run-row-{run.id}",
    )


def _resume(run: RunRow) -> rx.Component:
    return rx.el.button(
        rx.icon("play", size=14),
        type="button",
        class_name="pm-icon-button",
        aria_label=attribute("ui.run.resume"),
        title=attribute("ui.run.resume"),
        on_click=RunListState.resume(run.id),  # type: ignore[operator]
        data_testid="resume",
    )


def _empty() -> rx.Component:
    return rx.el.div(
        rx.icon("activity", size=28, stroke_width=1.5),
        rx.el.h2(words("ui.runs.empty_title")),
        rx.el.p(words("ui.runs.empty")),
        class_name="pm-empty",
    )


def _skeleton() -> rx.Component:
    rows = [rx.el.div(class_name="pm-skeleton-row") for _ in range(8)]
    return rx.el.div(*rows, class_name="pm-rows", aria_busy="true")
