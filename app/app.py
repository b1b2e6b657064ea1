"""The web process's composition root: pages and API in one ASGI app."""

import reflex as rx


def index() -> rx.Component:
    return rx.heading("Prometey")


app = rx.App()
app.add_page(index, route="/", title="Prometey")
