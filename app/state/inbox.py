"""What people are asked: they decide, do tasks, lead conversations, say what came of a step."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import t
from app.schemas.inbox import Decision, GiveBack, InboxItem, Outcome, TaskResult
from app.services import conversations, inbox
from app.state.inbox_rows import InboxRow, SaidRow, filled, inbox_row, moment
from app.state.session import SessionState
from app.state.values import read_value

LONGEST_NOTE: Final = 4_000
LONGEST_REPLY: Final = 32_000


class InboxState(SessionState):
    """`chosen` is the request that is shown beside the list; `opened` says that somebody chose it, which on narrow
    screens puts it in place of the list. `refused` are sentences by "request.field".
    """

    rows: list[InboxRow] = []
    chosen: str = ""
    opened: bool = False
    decided: bool = False
    loaded: bool = False
    problem: str = ""
    notes: dict[str, str] = {}
    forms: dict[str, dict[str, str]] = {}
    refused: dict[str, str] = {}

    @rx.var
    def detail(self) -> list[InboxRow]:
        """The request beside the list, or none."""
        return [row for row in self.rows if row.id == self.chosen]

    @rx.event
    async def open(self) -> Any:
        self.decided, self.chosen, self.opened = False, "", False
        self.notes, self.forms, self.refused = {}, {}, {}
        return await self._load()

    @rx.event
    def choose_item(self, item_id: str) -> None:
        self.chosen, self.opened = str(item_id)[:40], True

    @rx.event
    def back_to_list(self) -> None:
        self.opened = False

    @rx.event
    async def refresh(self) -> Any:
        return await self._load() if self.loaded else None

    @rx.event
    async def show(self, decided: bool) -> Any:
        self.decided, self.loaded, self.chosen, self.opened = decided is True, False, "", False
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
                form = filled(asked.form, self.forms.get(item_id, {}))
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
    async def write(self, form: dict[str, Any]) -> Any:
        """Write to the contact as a person: `reply` in the `conversation` of the request `item`."""
        given = form if isinstance(form, dict) else {}
        item_id, conversation_id = str(given.get("item") or "")[:40], str(given.get("conversation") or "")
        text = str(given.get("reply") or "").strip()[:LONGEST_REPLY]
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
        except inbox.FormRefused as error:
            self._refuse(item_id, error)
            if not all(each["field"] for each in error.context["fields"]):
                problem = rx.toast.error(self._sentence(error))
        except AppError as error:
            problem = rx.toast.error(self._sentence(error))
        except ValueError:
            problem = rx.toast.error(t("errors.approval.not_found", self.locale))
        else:
            self.notes.pop(item_id, None)
            self.forms.pop(item_id, None)
            self.refused = {}
        await self._load()
        return problem

    def _refuse(self, item_id: str, error: inbox.FormRefused) -> None:
        """Put each sentence under its field."""
        self.refused = {
            f"{item_id}.{each['field']}": t("errors.field.missing", self.locale)
            if each["code"] == "required"
            else str(each["message"])
            for each in error.context["fields"]
        }

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
            if not self.detail:
                self.chosen, self.opened = (self.rows[0].id if self.rows else ""), False
        return None

    async def _found(self, principal: Principal) -> list[InboxRow]:
        async with unit_of_work() as session:
            items = await inbox.items(session, principal, decided=self.decided)
            rows = []
            for item in items:
                rows.append(await self._row(session, principal, item))
        return rows

    async def _row(self, session: Any, principal: Principal, item: InboxItem) -> InboxRow:
        row = inbox_row(item, self.locale, self.refused)
        if item.kind == "takeover" and item.conversation_id and row.open:
            said = await conversations.messages(session, principal, item.conversation_id)
            row.said = [
                SaidRow(each.text, each.author, each.role == "assistant", moment(each.created_at))
                for each in said[-50:]
            ]
        return row
