"""The flow editor as a Reflex component. Its TypeScript lies beside this file; it speaks to the API by itself.

`live` is a patch `{"seq": n, "items": […]}` whose `seq` grows by one with each push; see `useFollow.ts`.
"""

from pathlib import Path
from typing import Any, Final

import reflex as rx

_FOLDER: Final = Path(__file__).parent
_ENTRY: Final = "Editor.tsx"
# Every file that is imported by another one has to be linked beside the entry.
_SOURCES: Final = sorted(path.name for path in _FOLDER.iterdir() if path.suffix in {".ts", ".tsx", ".css"})


def _linked() -> str:
    """The import path of the entry, after linking all sources into the frontend's assets."""
    paths = {name: rx.asset(name, shared=True).importable_path for name in _SOURCES}
    return str(paths[_ENTRY])


class FlowEditor(rx.NoSSRComponent):
    """Props and events of `Editor.tsx`."""

    library = _linked()
    tag = "FlowEditor"
    lib_dependencies: list[str] = [  # noqa: RUF012 - Reflex reads a plain class attribute
        "@xyflow/react@12.12.1",
        "@dagrejs/dagre@3.1.3",
        "lucide-react@1.26.0",
        "markdown-to-jsx@9.10.6",
        "radix-ui@1.8.1",
    ]

    flow_id: rx.Var[str]
    locale: rx.Var[str]
    color_mode: rx.Var[str]
    live: rx.Var[dict[str, Any]]
    on_run: rx.EventHandler[rx.event.passthrough_event_spec(str)]  # type: ignore[type-arg,valid-type]
    # Regularly, so that whoever pushes `live` knows the page is there.
    on_alive: rx.EventHandler[rx.event.no_args_event_spec]  # type: ignore[type-arg,valid-type]
    # What this page's person points at and has selected, for the others who have the flow open.
    on_presence: rx.EventHandler[rx.event.passthrough_event_spec(dict[str, Any])]  # type: ignore[type-arg,valid-type]


def flow_editor(**props: Any) -> rx.Component:
    """The whole editor, filling its parent: `flow_id`, `locale`, `color_mode`, `live`, `on_run(run_id)`, `on_alive()`,
    `on_presence(seen)`.
    """
    editor: rx.Component = FlowEditor.create(**props)
    return editor
