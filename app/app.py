"""The web process's composition root: pages and API in one ASGI app."""

import reflex as rx

from app.api.main import create_api
from app.core import memory
from app.core.page_address import PageAddress
from app.core.same_origin import SameOrigin
from app.core.settings import get_settings
from app.pages.access import log_in, sign_up, start
from app.pages.approvals import approvals
from app.pages.credentials import credentials
from app.pages.flow_editor import editor
from app.pages.flow_list import flow_list
from app.pages.flow_run import flow_run
from app.pages.flow_runs import flow_runs
from app.pages.missing import not_found
from app.pages.settings import settings
from app.state.access import AccessState
from app.state.credentials import CredentialState
from app.state.editor import EditorState
from app.state.flow_list import FlowListState
from app.state.flow_run import RunState
from app.state.flow_runs import RunListState
from app.state.inbox import InboxState
from app.state.locks import give_back_cancelled_locks
from app.state.session import SessionState
from app.state.settings import SettingsState
from app.state.workspace_budget import BudgetState

_STATIC = ("/login", "/signup", "/flows", "/runs", "/approvals", "/credentials", "/settings")

# Before the first paint: the page's language. See docs/adr/0003-ui-language.md.
_LANGUAGE = (
    "(function(){var m=document.cookie.match(/(?:^|; )prometey_locale=(en|ru)/);document.documentElement.lang="
    'm?m[1]:/^ru/i.test(navigator.language||"")?"ru":"en"})()'
)


def _font(name: str) -> rx.Component:
    font: rx.Component = rx.el.link(
        rel="preload",
        href=f"/fonts/{name}.woff2",
        custom_attrs={"as": "font"},
        type="font/woff2",
        cross_origin="",
    )
    return font


give_back_cancelled_locks()
app = rx.App(
    theme=rx.theme(accent_color="orange", gray_color="sand", radius="medium", has_background=False),
    stylesheets=["/prometey.css"],
    head_components=[
        rx.el.link(rel="icon", href="/favicon.svg", type="image/svg+xml"),
        _font("inter-latin"),
        rx.el.script(_LANGUAGE),
        rx.el.script(src="/pages.js", defer=True),
    ],
    api_transformer=[
        create_api(),
        lambda inner: PageAddress(inner, _STATIC),
        lambda inner: SameOrigin(inner, get_settings().base_url),
    ],
)
app.add_page(start, route="/", title="Prometey", on_load=AccessState.arrive)
app.add_page(log_in, route="/login", title="Prometey", on_load=AccessState.arrive)
app.add_page(sign_up, route="/signup", title="Prometey", on_load=AccessState.arrive)
app.add_page(flow_list, route="/flows", title="Prometey", on_load=FlowListState.open)
app.add_page(editor, route="/flows/[flow_id]", title="Prometey", on_load=EditorState.open)
app.add_page(flow_runs, route="/runs", title="Prometey", on_load=RunListState.open)
app.add_page(flow_run, route="/runs/[run_id]", title="Prometey", on_load=RunState.open_run)
app.add_page(approvals, route="/approvals", title="Prometey", on_load=InboxState.open)
app.add_page(credentials, route="/credentials", title="Prometey", on_load=CredentialState.open)
app.add_page(settings, route="/settings", title="Prometey", on_load=[SettingsState.open, BudgetState.look])
app.add_page(not_found, route="/404", title="Prometey", on_load=SessionState.greet)
app.register_lifespan_task(memory.settle)
