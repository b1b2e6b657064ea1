"""The web process's composition root: pages and API in one ASGI app."""

import reflex as rx

from app.api.main import create_api
from app.core.same_origin import SameOrigin
from app.core.settings import get_settings


def index() -> rx.Component:
    page: rx.Component = rx.center(rx.heading("Prometey"))
    return page


app = rx.App(api_transformer=[create_api(), lambda inner: SameOrigin(inner, get_settings().base_url)])
app.add_page(index, route="/", title="Prometey")
