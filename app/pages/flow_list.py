"""All flows of the workspace: find, create, import, and what one does with a whole flow."""

import reflex as rx

from app.components import moments
from app.components.forms import alert
from app.components.shell import page_header, shell
from app.components.words import attribute, two, words
from app.services.flow_templates import flow_templates
from app.state.flow_list import KINDS, FlowListState, FlowRow


def flow_list() -> rx.Component:
    return shell(
        "/flows",
        page_header("ui.flows.title", _filters(), _import(), _create()),
        rx.el.div(
            alert(FlowListState.problem),
            # Filled by the script that imports files: what was wrong, and where.
            rx.el.div(id="import-problem", class_name="pm-alert", role="alert", hidden=True),
            rx.cond(FlowListState.loaded, _rows(), _skeleton()),
            class_name="pm-scroll",
            data_testid="flow-list",
        ),
    )


def _filters() -> rx.Component:
    search = rx.el.div(
        rx.icon("search", size=15, stroke_width=1.75),
        rx.el.input(
            class_name="pm-input",
            type="search",
            aria_label=attribute("ui.flows.search"),
            placeholder=attribute("ui.flows.search"),
            on_change=FlowListState.find.debounce(200),  # type: ignore[attr-defined]
            data_testid="flow-search",
            custom_attrs={"data-search": "true"},
        ),
        class_name="pm-find",
    )
    kinds = rx.el.span(
        rx.el.select(
            rx.el.option(attribute("ui.flows.all_kinds"), value=""),
            *[rx.el.option(attribute(f"kind.{kind}"), value=kind) for kind in KINDS],
            class_name="pm-input",
            aria_label=attribute("flow.kind"),
            on_change=FlowListState.choose_kind,
            data_testid="kind-filter",
        ),
        rx.icon("chevron-down", size=14),
        class_name="pm-select",
    )
    return rx.el.div(search, kinds, class_name="pm-filters")


def _import() -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="file", accept=".json,application/json", id="import-input", data_testid="import-input"
        ),
        rx.el.span(rx.icon("upload", size=14), words("ui.flows.import"), class_name="pm-button"),
        class_name="pm-upload",
    )


def _create(test_id: str = "new-flow") -> rx.Component:
    """The button and its dialog. Which is open is no business of the state: a click counts before it is there."""
    button = rx.el.button(
        rx.icon("plus", size=14),
        words("ui.flows.new"),
        type="button",
        class_name="pm-button",
        data_testid=test_id,
        custom_attrs={"data-look": "primary"},
    )
    return rx.dialog.root(
        rx.dialog.trigger(button),
        rx.dialog.content(
            rx.dialog.title(words("ui.flows.create"), custom_attrs={"as": "h2"}, size="3"),
            rx.el.h3(words("ui.flows.from_template")),
            _templates(),
            rx.el.h3(words("ui.flows.blank")),
            rx.el.div(*[_blank(kind) for kind in KINDS], class_name="pm-kinds"),
            class_name="pm-dialog",
            aria_describedby=rx.Var("undefined"),
        ),
    )


def _templates() -> rx.Component:
    pairs = zip(flow_templates("en"), flow_templates("ru"), strict=True)
    return rx.el.div(
        *[
            rx.el.button(
                rx.el.strong(two(english.name, russian.name)),
                rx.el.span(two(english.description, russian.description)),
                type="button",
                class_name="pm-template",
                data_testid=f"template-{english.id}",
                on_click=FlowListState.create(english.id, ""),  # type: ignore[operator]
            )
            for english, russian in pairs
        ],
        class_name="pm-templates",
    )


def _blank(kind: str) -> rx.Component:
    return rx.el.button(
        rx.el.span(words(f"kind.{kind}")),
        type="button",
        class_name="pm-button",
        data_testid=f"blank-{kind}",
        on_click=FlowListState.create("", kind),  # type: ignore[operator]
    )


def _rows() -> rx.Component:
    more = rx.cond(
        FlowListState.total > FlowListState.rows.length(),  # type: ignore[attr-defined]
        rx.el.button(
            words("ui.flows.more"), type="button", class_name="pm-button", on_click=FlowListState.more
        ),
    )
    return rx.cond(
        FlowListState.rows.length() > 0,  # type: ignore[attr-defined]
        rx.el.div(rx.el.ul(rx.foreach(FlowListState.rows, _row), class_name="pm-rows", id="flow-rows"), more),
        rx.cond((FlowListState.search != "") | (FlowListState.kind != ""), _nothing_found(), _empty()),
    )


def _row(flow: FlowRow) -> rx.Component:
    link = rx.link(
        rx.el.span(flow.name, class_name="pm-flow-name"),
        rx.el.span(flow.description, class_name="pm-flow-about"),
        href=f"/flows/{flow.id}",
        class_name="pm-flow-link",
        custom_attrs={"data-row": "open"},
        underline="none",
        high_contrast=True,
        color_scheme="gray",
    )
    return rx.el.li(
        link,
        rx.el.span(flow.kind_name, class_name="pm-tag-kind", custom_attrs={"data-kind": flow.kind}),
        rx.el.span(flow.published, class_name="pm-quiet"),
        moments.ago(flow.updated, "pm-quiet"),
        _menu(flow),
        key=flow.id,
        class_name="pm-flow-row",
        data_testid=f"flow-row-{flow.id}",
    )


def _menu(flow: FlowRow) -> rx.Component:
    trigger = rx.el.button(
        rx.icon("ellipsis", size=16),
        type="button",
        class_name="pm-icon-button",
        aria_label=attribute("ui.flows.actions"),
        data_testid=f"flow-menu-{flow.id}",
    )
    return rx.dropdown_menu.root(
        rx.dropdown_menu.trigger(trigger),
        rx.dropdown_menu.content(
            rx.dropdown_menu.item(words("ui.flows.open"), on_select=rx.redirect(f"/flows/{flow.id}")),
            rx.dropdown_menu.item(
                words("ui.flows.duplicate"),
                on_select=FlowListState.duplicate(flow.id),  # type: ignore[operator]
                data_testid="duplicate",
            ),
            rx.dropdown_menu.item(
                words("ui.flows.export"),
                on_select=rx.call_script(f"window.location.assign('/api/flows/{flow.id}/export')"),
                data_testid="export",
            ),
            rx.dropdown_menu.separator(),
            rx.dropdown_menu.item(
                words("ui.flows.delete"),
                on_select=FlowListState.delete(flow.id, flow.name),  # type: ignore[operator]
                class_name="pm-menu-danger",
                data_testid="delete",
            ),
            variant="soft",
            color_scheme="gray",
        ),
    )


def _empty() -> rx.Component:
    return rx.el.div(
        rx.icon("workflow", size=28, stroke_width=1.5),
        rx.el.h2(words("ui.flows.empty_title")),
        rx.el.p(words("ui.flows.empty")),
        _create("new-flow-here"),
        class_name="pm-empty",
    )


def _nothing_found() -> rx.Component:
    return rx.el.div(rx.el.p(words("ui.flows.nothing_found")), class_name="pm-empty")


def _skeleton() -> rx.Component:
    return rx.el.div(
        *[rx.el.div(class_name="pm-skeleton-row") for _ in range(6)],
        class_name="pm-rows",
        aria_busy="true",
    )
