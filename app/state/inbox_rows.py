"""What people are asked, as rows of a page: words in the page's language, moments as they are, forms field by field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.i18n import t
from app.schemas.inbox import InboxItem
from app.state.values import read_value, written

_KINDS = {"number": "number", "integer": "number", "boolean": "boolean"}
_LONG = 200


@dataclass
class FormField:
    """One field of an approval's form. `kind` is text, long, number, boolean, date or choice; `problem` why it was refused."""

    name: str
    title: str
    help: str
    kind: str
    required: bool
    value: str
    problem: str
    options: list[str] = field(default_factory=list)


@dataclass
class SaidRow:
    text: str
    who: str
    mine: bool
    at: str


@dataclass
class InboxRow:
    """One request. `asked_at`, `due_at` and `decided_at` are ISO 8601 or empty; `decided` says what came of it and by whom."""

    id: str
    kind: str
    kind_name: str
    title: str
    description: str
    flow_id: str
    flow_name: str
    run_id: str
    node: str
    asked_at: str
    due_at: str
    decided: str
    decided_at: str
    answers: str
    parameters: str
    refusal: str
    open: bool
    may_decide: bool
    conversation_id: str
    simulate: bool
    fields: list[FormField] = field(default_factory=list)
    said: list[SaidRow] = field(default_factory=list)


def inbox_row(item: InboxItem, locale: str, refused: Mapping[str, str] | None = None) -> InboxRow:
    """`refused` are sentences by "request.field"."""
    is_open = item.status == "open"
    return InboxRow(
        id=str(item.id),
        kind=item.kind,
        kind_name=t(f"inbox.kind.{item.kind}", locale),
        title=item.title or t(f"inbox.untitled.{item.kind}", locale),
        description=item.description,
        flow_id=str(item.flow_id or ""),
        flow_name=item.flow_name or t("flow.untitled", locale),
        run_id=str(item.run_id),
        node=item.node,
        asked_at=moment(item.created_at),
        due_at=moment(item.due_at) if is_open else "",
        decided="" if is_open else _decided(item, locale),
        decided_at=moment(item.decided_at),
        answers=_answers(item, locale),
        parameters=written(item.parameters) if item.parameters else "",
        refusal=_refusal(item, locale),
        open=is_open,
        may_decide=item.may_decide,
        conversation_id=str(item.conversation_id or ""),
        simulate=item.simulate,
        fields=form_fields(item.form, str(item.id), refused or {}),
    )


def moment(at: datetime | None) -> str:
    """As pages read it; they write it in the viewer's own time."""
    return "" if at is None else at.isoformat()


def form_fields(form: dict[str, Any] | None, item_id: str, refused: Mapping[str, str]) -> list[FormField]:
    properties = (form or {}).get("properties")
    required = (form or {}).get("required") or []
    if not isinstance(properties, dict):
        return []
    return [
        _field(
            name, part if isinstance(part, dict) else {}, name in required, refused.get(f"{item_id}.{name}")
        )
        for name, part in properties.items()
    ]


def filled(form: dict[str, Any] | None, texts: Mapping[str, str]) -> dict[str, Any]:
    """What was filled in, or stands in the form from the beginning, with the types the form asks for."""
    found: dict[str, Any] = {}
    for each in form_fields(form, "", {}):
        text = texts.get(each.name, each.value)
        if not text.strip():
            continue
        match each.kind:
            case "boolean":
                found[each.name] = text == "true"
            case "number":
                found[each.name] = read_value(text.replace(",", "."))
            case "choice":
                options = form["properties"][each.name]["enum"] if form else []
                found[each.name] = next((option for option in options if written(option) == text), text)
            case _:
                found[each.name] = text
    return found


def _field(name: str, part: dict[str, Any], required: bool, problem: str | None) -> FormField:
    options = [written(each) for each in part["enum"]] if isinstance(part.get("enum"), list) else []
    kind = "choice" if options else _KINDS.get(str(part.get("type", "")), "text")
    if kind == "text" and part.get("format") == "date":
        kind = "date"
    elif kind == "text" and int(part.get("maxLength") or 0) > _LONG:
        kind = "long"
    default = part.get("default")
    return FormField(
        name=name,
        title=str(part.get("title") or name),
        help=str(part.get("description") or ""),
        kind=kind,
        required=required,
        value="" if default is None else written(default),
        problem=problem or "",
        options=options,
    )


def _refusal(item: InboxItem, locale: str) -> str:
    if item.refusal is None:
        return ""
    return t(f"errors.{item.refusal}", locale, assignees=", ".join(item.assignees))


def _answers(item: InboxItem, locale: str) -> str:
    said = [
        f"{each.by}: {t(f'inbox.status.{each.decision}', locale)}" + (f" — {each.note}" if each.note else "")
        for each in item.answers
    ]
    if item.kind == "approval" and item.quorum > 1 and item.status == "open":
        approved = sum(each.decision == "approved" for each in item.answers)
        said.append(t("inbox.quorum", locale, approved=approved, quorum=item.quorum))
    return " · ".join(said)


def _decided(item: InboxItem, locale: str) -> str:
    status = t(f"inbox.status.{item.status}", locale)
    return f"{status} · {item.decided_by}" if item.decided_by else status
