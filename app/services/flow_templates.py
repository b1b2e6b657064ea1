"""Starter flows: complete `flow/1` files beside this module, one folder per language, same graphs in each."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from app.errors import NotFound
from app.i18n import DEFAULT, LOCALES

_FOLDER: Final = Path(__file__).parent / "templates"
_ORDER: Final = (
    "answer_questions",
    "support_triage",
    "lead_qualifier",
    "summarize_text",
    "extract_contact",
    "check_website",
    "route_deals",
    "welcome_sequence",
)


@dataclass(frozen=True, slots=True)
class FlowTemplate:
    """A flow to start from. `document` is a decoded `flow/1` file, `text` the file as it stands."""

    id: str
    kind: str
    name: str
    description: str
    document: dict[str, Any]
    text: str


@cache
def flow_templates(locale: str = DEFAULT) -> tuple[FlowTemplate, ...]:
    """Every template in the reader's language (English where there is none), simplest first."""
    folder = _FOLDER / (locale if locale in LOCALES else DEFAULT)
    return tuple(_read(folder / f"{template_id}.flow.json") for template_id in _ORDER)


def flow_template(template_id: str, locale: str = DEFAULT) -> FlowTemplate:
    """One template. Raises `NotFound`."""
    for template in flow_templates(locale):
        if template.id == template_id:
            return template
    raise NotFound("flow_template.not_found", template=template_id)


def _read(path: Path) -> FlowTemplate:
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    return FlowTemplate(
        id=path.name.removesuffix(".flow.json"),
        kind=document["kind"],
        name=document["name"],
        description=document["description"],
        document=document,
        text=text,
    )
