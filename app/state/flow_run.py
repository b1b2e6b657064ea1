"""One run: its steps with what went in and came out, what it waits for, and what one can do with it."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import reflex as rx

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.i18n import section, t
from app.schemas.flow_runs import Replay, RunView, StepView
from app.services import flow_runs, flow_tests, inbox, run_replay
from app.services.snapshots import Snapshot
from app.state.flow_runs import money, took
from app.state.inbox import InboxState
from app.state.inbox_rows import moment
from app.state.run_effects import EffectRow, effect_row
from app.state.values import misread, preview, read_value

_MOST_STEPS: Final = 1_000


@dataclass
class StepRow:
    """One step, in the page's language. Values are written as people read them; empty where there is none.

    Of a very long one only the beginning is here; then its size is said, and `link` and `input` or `output` give it.
    """

    key: str
    node: str
    place: str
    title: str
    status: str
    status_name: str
    took: str
    cost: str
    attempts: int
    cached: bool
    input: str
    output: str
    error: str
    ports: str
    effects: list[EffectRow] = field(default_factory=list)
    input_size: str = ""
    output_size: str = ""
    link: str = ""


@dataclass
class RunAbout:
    """The run itself. `began` is ISO 8601; `dead` says that it stopped through no fault of its flow."""

    id: str = ""
    name: str = ""
    flow_id: str = ""
    status: str = ""
    status_name: str = ""
    began: str = ""
    took: str = ""
    cost: str = ""
    tokens: str = ""
    version: str = ""
    source: str = ""
    input: str = ""
    output: str = ""
    input_size: str = ""
    output_size: str = ""
    link: str = ""
    error: str = ""
    replay_of: str = ""
    replay_from: str = ""
    simulate: bool = False
    active: bool = False
    listens: bool = False
    dead: bool = False
    removed: str = ""
    messages: list[str] = field(default_factory=list)


class RunState(InboxState):
    """The page of one run. It shows what the run asks people with the same cards as the inbox."""

    run: RunAbout = RunAbout()
    steps: list[StepRow] = []
    effects: list[EffectRow] = []
    left_out: str = ""
    editable: bool = True
    chosen_step: str = ""
    from_node: str = ""
    from_title: str = ""
    edited: str = ""
    unedited: str = ""
    edit_problem: str = ""
    edited_node: str = ""
    really: bool = False
    replaying: bool = False

    @rx.event
    async def open_run(self) -> Any:
        self.run, self.steps, self.effects, self.rows, self.chosen_step = RunAbout(), [], [], [], ""
        self.refused = {}
        self.loaded, self.problem, self.replaying, self.notes, self.forms = False, "", False, {}, {}
        return await self._load()

    @rx.event
    async def refresh_run(self) -> Any:
        """Only a run that has not ended changes."""
        return await self._load() if self.loaded and self.run.active else None

    @rx.event
    def choose(self, key: str) -> None:
        self.chosen_step = "" if self.chosen_step == key else str(key)[:300]

    @rx.event
    async def cancel(self) -> Any:
        async def act(session: Any, principal: Principal, run_id: UUID) -> None:
            await flow_runs.cancel(session, principal, run_id)

        return await self._act(self.run.id, act)

    @rx.event
    async def answer(self, form: dict[str, Any]) -> Any:
        """Answer the question of a run that has no conversation."""
        text = str(form.get("answer") or "").strip()[:32_000]
        if not text:
            return None

        async def act(session: Any, principal: Principal, run_id: UUID) -> None:
            await flow_runs.reply(session, principal, run_id, text)

        return await self._act(self.run.id, act)

    @rx.event
    def plan_replay(self, node: str) -> None:
        """Open the dialog: from a node, with the values it had; "" is the whole run."""
        self.from_node, self.really, self.replaying = str(node)[:40], False, True
        step = next((each for each in self.steps if each.node == self.from_node), None)
        self.from_title = step.title if step else ""
        self.edited = step.input if step else self.run.input
        self.editable = not (step.input_size if step else self.run.input_size)
        self.unedited, self.edit_problem = self.edited, ""
        self.edited_node = ""

    @rx.event
    def close_replay(self, is_open: bool) -> None:
        self.replaying = is_open is True

    @rx.event
    def edit(self, text: str) -> None:
        self.edited = str(text)[:200_000]
        self.edit_problem = misread(self.edited, self.unedited, self.locale)

    @rx.event
    def choose_really(self, really: bool) -> None:
        self.really = really is True

    @rx.event
    async def replay(self) -> Any:
        """Fork the run. What was edited replaces the run's input, or the output of the one node upstream."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        if self.edit_problem:
            return None
        try:
            async with unit_of_work() as session:
                asked = await self._asked(session, principal)
                view = await run_replay.replay(session, principal, UUID(self.run.id), asked)
        except AppError as error:
            return rx.toast.error(self._sentence(error))
        self.replaying = False
        return rx.redirect(f"/runs/{view.id}")

    @rx.event
    async def resume(self) -> Any:
        """Take a failed run up where it failed; this acts on the world."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                view = await run_replay.resume(session, principal, UUID(self.run.id))
        except (AppError, ValueError) as error:
            known = isinstance(error, AppError)
            return rx.toast.error(self._sentence(error) if known else t("errors.run.not_found", self.locale))  # type: ignore[arg-type]
        return rx.redirect(f"/runs/{view.id}")

    @rx.event
    async def make_test(self) -> Any:
        """Add a test to the flow that this run would pass."""
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            async with unit_of_work() as session:
                made = await flow_tests.make_from_run(session, principal, UUID(self.run.id), "", self.locale)
        except (AppError, ValueError) as error:
            known = isinstance(error, AppError)
            return rx.toast.error(self._sentence(error) if known else t("errors.run.not_found", self.locale))  # type: ignore[arg-type]
        return rx.toast(t("ui.run.test_made", self.locale, name=made["name"]))

    async def _asked(self, session: Any, principal: Principal) -> Replay:
        value = read_value(self.edited) if self.editable else None
        simulate = not self.really
        if not self.from_node:
            return Replay(input=None if self.edited == self.run.input else value, simulate=simulate)
        plan = (await self._snapshot(session, principal)).plan
        node = plan.by_id.get(self.from_node)
        sources = {plan.nodes[plan.edges[edge].source].id for edge in node.incoming} if node else set()
        step = next((each for each in self.steps if each.node == self.from_node), None)
        unchanged = step is None or step.input == self.edited or not self.editable
        if unchanged or not sources:
            return Replay(from_node=self.from_node, simulate=simulate)
        if len(sources) == 1:
            return Replay(from_node=self.from_node, simulate=simulate, outputs={next(iter(sources)): value})
        given = value if isinstance(value, dict) else {}
        outputs = {name: each for name, each in given.items() if name in sources}
        return Replay(from_node=self.from_node, simulate=simulate, outputs=outputs)

    async def _snapshot(self, session: Any, principal: Principal) -> Snapshot:
        return await flow_runs.snapshot_of(session, principal, UUID(self.run.id))

    async def _load(self) -> Any:
        principal = await self._principal()
        if principal is None:
            return self._to_sign_in()
        try:
            run_id = UUID(str(self.router.url.path.rstrip("/").rpartition("/")[2]))
            view = await flow_runs.get(principal, run_id)
            async with unit_of_work() as session:
                snapshot = await flow_runs.snapshot_of(session, principal, run_id)
                steps = await flow_runs.steps(session, principal, run_id)
                items = await inbox.of_run(session, principal, run_id)
                rows = [await self._row(session, principal, item) for item in items]
                listens = await flow_runs.listens(session, principal, run_id)
        except ValueError:
            self.problem = t("errors.run.not_found", self.locale)
        except AppError as error:
            self.problem = self._sentence(error)
        else:
            self.run = _about(view, snapshot, self.locale)
            self.run.listens = listens and view.conversation_id is None
            reached = [step for step in steps if step.status != "skipped"]
            self.steps = [_step(step, snapshot, self.run.link, self.locale) for step in reached[:_MOST_STEPS]]
            left = len(reached) - _MOST_STEPS
            self.left_out = t("run.steps_left_out", self.locale, count=left) if left > 0 else ""
            self.effects = [each for step in self.steps for each in step.effects]
            self.rows = rows
            self.problem, self.loaded = "", True
        return None


def _about(view: RunView, snapshot: Snapshot, locale: str) -> RunAbout:
    usage = view.usage
    tokens = int(usage.get("prompt_tokens") or 0) + int(usage.get("completion_tokens") or 0)
    given, given_size = preview(view.input, locale)
    output, output_size = preview(view.output, locale)
    return RunAbout(
        id=str(view.id),
        name=snapshot.flow.name or t("flow.untitled", locale),
        flow_id=str(view.flow_id or ""),
        status=view.status,
        status_name=t(f"run.status.{view.status}", locale),
        began=moment(view.created_at),
        took=took(view.duration_ms, locale),
        cost=money(usage.get("cost_usd")),
        tokens=t("run.token_count", locale, count=tokens) if tokens else "",
        version=t("ui.flows.draft", locale) if view.version is None else f"v{view.version}",
        source=t(f"run.source.{view.source}", locale),
        input=given,
        input_size=given_size,
        output=output,
        output_size=output_size,
        link=f"/api/runs/{view.id}/value?what=",
        error=str((view.error or {}).get("message") or ""),
        replay_of=str(view.replay_of or ""),
        replay_from=view.replay_from,
        simulate=view.simulate,
        active=view.ended_at is None,
        dead=(view.error or {}).get("code") in flow_runs.DEAD,
        removed=_removed(view, locale),
        messages=[str(message.get("text", "")) for message in view.messages],
    )


def _removed(view: RunView, locale: str) -> str:
    at = view.details_removed_at
    if at is None:
        return ""
    return t("run.details_removed", locale, at=at.strftime("%d.%m.%Y" if locale == "ru" else "%b %d, %Y"))


def _step(step: StepView, snapshot: Snapshot, link: str, locale: str) -> StepRow:
    given, given_size = preview(step.input, locale)
    output, output_size = preview(step.output, locale)
    node = snapshot.flow.node(step.node)
    type_title = section(locale, "nodes").get(node.type, {}).get("title") if node else None
    title = (node.title if node else "") or type_title or step.node
    return StepRow(
        key=f"{step.path}/{step.node}",
        node=step.node,
        place=step.path,
        title=title,
        status=step.status,
        status_name=t(f"step.status.{step.status}", locale),
        took=took(step.duration_ms, locale),
        cost=money((step.usage or {}).get("cost_usd")),
        attempts=step.attempts,
        cached=step.cached,
        input=given,
        input_size=given_size,
        output=output,
        output_size=output_size,
        link=link.replace("?", f"?{urlencode({'node': step.node, 'path': step.path})}&"),
        error=str((step.error or {}).get("message") or ""),
        ports=", ".join(port for port in step.ports if port != "out"),
        effects=[effect_row(each, title, locale) for each in step.effects],
    )
