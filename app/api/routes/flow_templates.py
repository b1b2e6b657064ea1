"""Starter flows to create a flow from (`POST /api/flows` with `template`)."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.deps import Caller, Locale
from app.services.flow_templates import flow_template, flow_templates

router = APIRouter(prefix="/api/flow-templates", tags=["flows"])


class TemplateView(BaseModel):
    id: str
    kind: str
    name: str
    description: str


@router.get("")
async def list_templates(_caller: Caller, locale: Locale) -> list[TemplateView]:
    """Every template in the reader's language, simplest first."""
    return [
        TemplateView(id=each.id, kind=each.kind, name=each.name, description=each.description)
        for each in flow_templates(locale)
    ]


@router.get("/{template_id}")
async def get_template(template_id: str, _caller: Caller, locale: Locale) -> dict[str, object]:
    """The `flow/1` document of one template."""
    return flow_template(template_id, locale).document
