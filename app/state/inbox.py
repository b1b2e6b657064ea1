"""What people are asked: they decide, do tasks, lead conversations, say what came of a step."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import reflex as rx

from app.core.clock import now
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import t
from app.schemas.inbox import Decision, GiveBack, InboxItem, Outcome, TaskResult
from app.services import conversations, inbox
from app.state.flow_list import ago
from app.state.session import SessionState
from app.state.values import read_value, written

LONGEST_NOTE: Final = 4_000


@dataclass
class FormField:
    """One field of an approval's form. `kind` is text, number or boolean."""

    name: str
    title: str
    kind: str
    required: bool


@dataclass
class SaidRow:
    text: str
    who: str
    mine: bool


@dataclass
class InboxRow:
    """One request, in the page's language. `how` says who decided and when, or until when it can be."""

    id: str
    kind: str
    kind_name: str
    title: str
    description: str
    flow_id: str
    flow_name: str
    run_id: str
    node: str
    how: str
    answers: str
    parameters: str
    refusal: str
    open: bool
    may_decide: bool
    conversation_id: str
    fields: list[FormField] = field(default_factory=list)
    said: list[SaidRow] = field(default_factory=list)


class InboxState(SessionState):
    rows: list[InboxRow] = []
    decided: bool = False
    loaded: bool = False
    problem: str = ""
    notes: dict[str, str] = {}
    forms: dict[str, dict[str, str]] = {}

    @rx.event
    async def open(self) -> Any:
        self.decided, self.notes, self.forms = False, {}, {}
        return await self._load()

    @rx.event
    async def refresh(self) -> Any:
        return await self._load() if self.loaded else None

    @rx.event
    async def show(self, decided: bool) -> Any:
        self.decided, self.loaded = decided is True, False
        yield
        yield await self._load()

    @rx.event
    def note(self, item_id: str, text: str) -> None:
        self.notes[str(item_id)[:40]] = str(text)[:LONGEST_NOTE]

    @rx.event
    def fill(self, item_id: str, name: str, text: str) -> None:
        form = self.forms.setdefault(str(item_id)[:40], {})
        if len(form) < 100:
            form[str(name)[:100]] = str(text)[:LONGEST_NOTE]

    @rx.event
    async def decide(self, item_id: str, decision: str) -> Any:
        async def act(session: Any, principal: Principal, wait_id: UUID) -> None:
            form = None
            if decision == "approved":
                asked = await inbox.item(session, principal, wait_id)
                form = _filled(_fields(asked.form), self.forms.get(item_id, {}))
            said = Decision(decision=decision, note=self.notes.get(item_id, ""), form=form)
            await inbox.decide(session, principal, wait_id, said)

        return await self._act(item_id, act)

    @rx.event
    async def finish(self, item_id: str) -> Any:
        def act(session: Any, principal: Principal, wait_id: UUID) -> Awaitable[Any]:
            said = TaskResult(result=read_value(self.notes.get(item_id, "")))
            return inbox.finish_task(session, principal, wait_id, said)

        return await self._act(item_id, act)

    @rx.event
    async def give_back(self, item_id: str) -> Any:
        def act(session: Any, principal: Principal, wait_id: UUID) -> Awaitable[Any]:
            return inbox.give_back(session, principal, wait_id, GiveBack())

        return await self._act(item_id, act)

    @rx.event
    async def settle(self, item_id: str, decision: str) -> Any:
        """What came of a step that was cut off."""

        def act(session: Any, principal: Principal, wait_id: UUID) -> Awaitable[Any]:
            output = read_value(self.notes.get(item_id, ""))
            said = Outcome(decision=decision, output=output)
            return inbox.say_outcome(session, principal, wait_id, said)

        return await self._act(item_id, act)

    @rx.event
    async def write(self, item_id: str, conversation_id: str) -> Any:
        """Write to the contact as a person."""
        text = self.notes.get(item_id, "").strip()
        if not text:
            return None

        def act(session: Any, principal: Principal, wait_id: UUID) -> Awaitable[Any]:
            return conversations.say_as_person(session, principal, UUID(str(conversation_id)), text)

        return await self._act(item_id, act)

    async def _act(self, item_id: str, act: Callable[[Any, Principal, UUID], Awaitable[Any]]) -> Any:
        """Do it in a transaction, then look again, also when somebody else was first."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        problem = None
        try:
            async with unit_of_work() as session:
                await act(session, principal, UUID(str(item_id)))
        except AppError as error:
            problem = rx.toast.error(self._sentence(error))
        except ValueError:
            problem = rx.toast.error(t("errors.approval.not_found", self.locale))
        else:
            self.notes.pop(item_id, None)
            self.forms.pop(item_id, None)
        await self._load()
        return problem

    async def _load(self) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            self.rows = await self._found(principal)
        except AppError as error:
            self.problem = self._sentence(error)
        else:
            self.problem, self.loaded = "", True
        return None

    async def _found(self, principal: Principal) -> list[InboxRow]:
        async with unit_of_work() as session:
            items = await inbox.items(session, principal, decided=self.decided)
            rows = []
            for item in items:
                row = inbox_row(item, self.locale)
                if item.kind == "takeover" and item.conversation_id and row.open:
                    said = await conversations.messages(session, principal, item.conversation_id)
                    row.said = [
                        SaidRow(each.text, each.author, each.role == "assistant") for each in said[-20:]
                    ]
                rows.append(row)
        return rows


def inbox_row(item: InboxItem, locale: str) -> InboxRow:
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
        how=_until(item.due_at, locale) if is_open else _decided(item, locale),
        answers=_answers(item, locale),
        parameters=written(item.parameters) if item.parameters else "",
        refusal=_refusal(item, locale),
        open=is_open,
        may_decide=item.may_decide,
        conversation_id=str(item.conversation_id or ""),
        fields=_fields(item.form),
    )


def _refusal(item: InboxItem, locale: str) -> str:
    if item.refusal is None:
        return ""
    return t(f"errors.{item.refusal}", locale, assignees=", ".join(item.assignees))


def _answers(item: InboxItem, locale: str) -> str:
    said = [f"{each.by}: {t(f'inbox.status.{each.decision}', locale)}" for each in item.answers]
    if item.kind == "approval" and item.quorum > 1 and item.status == "open":
        approved = sum(each.decision == "approved" for each in item.answers)
        said.append(t("inbox.quorum", locale, approved=approved, quorum=item.quorum))
    return " · ".join(said)


def _decided(item: InboxItem, locale: str) -> str:
    status = t(f"inbox.status.{item.status}", locale)
    if item.decided_at is None:
        return status
    when = ago(item.decided_at, locale)
    return f"{status} · {item.decided_by} · {when}" if item.decided_by else f"{status} · {when}"


def _until(due_at: datetime | None, locale: str) -> str:
    if due_at is None:
        return ""
    minutes = int((due_at - now()).total_seconds() // 60)
    if minutes < 60:
        return t("inbox.due.minutes", locale, count=max(minutes, 1))
    if minutes < 48 * 60:
        return t("inbox.due.hours", locale, count=minutes // 60)
    return t("inbox.due.days", locale, count=minutes // (24 * 60))


def _filled(fields: list[FormField], texts: dict[str, str]) -> dict[str, Any]:
    """What was filled in, with the types the form asks for."""
    kinds = {each.name: each.kind for each in fields}
    filled: dict[str, Any] = {}
    for name, text in texts.items():
        if kinds.get(name) == "boolean":
            filled[name] = text == "true"
        elif text.strip():
            filled[name] = read_value(text) if kinds.get(name) == "number" else text
    return filled


def _fields(form: dict[str, Any] | None) -> list[FormField]:
    properties = (form or {}).get("properties")
    required = (form or {}).get("required") or []
    if not isinstance(properties, dict):
        return []
    kinds = {"number": "number", "integer": "number", "boolean": "boolean"}
    return [
        FormField(
            name=name,
            title=str((part if isinstance(part, dict) else {}).get("title") or name),
            kind=kinds.get((part if isinstance(part, dict) else {}).get("type", ""), "text"),
            required=name in required,
        )
        for name, part in properties.items()
    ]
