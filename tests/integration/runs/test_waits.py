"""Runs that wait: for the clock, for people, for replies. Real workers, killed where it matters."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import new_id
from app.core.db import unit_of_work
from app.core.ids import AccountId
from app.core.principal import Principal
from app.errors import AppError
from app.models import Account
from app.schemas.flow_runs import ChatRequest, RunView, StartInline, StartRun
from app.schemas.inbox import Decision, GiveBack, InboxItem, TaskResult
from app.services import chat, conversations, flow_runs, inbox
from tests.integration.runs.conftest import Workers, chain, node, say, store, until

CALL = node("call", "trigger.call")
CHAT = node("call", "trigger.chat")
RESULT = node("done", "output.result", value="{{ input }}")


def branching(*nodes: dict[str, Any], edges: str, kind: str = "task", **fields: Any) -> dict[str, Any]:
    """`edges` reads "call>ask ask.approved>done"."""
    drawn = []
    for number, arrow in enumerate(edges.split()):
        start, _, target = arrow.partition(">")
        source, _, port = start.partition(".")
        drawn.append({"id": f"e{number}", "source": source, "source_port": port or "out", "target": target})
    return {"schema": "flow/1", "kind": kind, "name": "Test", "nodes": list(nodes), "edges": drawn, **fields}


async def start(principal: Principal, document: dict[str, Any], given: Any = None) -> UUID:
    body = StartInline(flow=document, input={} if given is None else given)
    view = await flow_runs.start(principal, partial(_queue, principal, body), wait=False)
    return view.id


async def _queue(principal: Principal, body: StartInline, session: Any) -> UUID:
    return await flow_runs.queue_inline(session, principal, body)


async def has(principal: Principal, run_id: UUID, status: str) -> bool:
    view = await flow_runs.get(principal, run_id)
    assert status in ("failed", "cancelled") or view.status != "failed", view.error
    return view.status == status


async def ended(principal: Principal, run_id: UUID, timeout_s: float = 15) -> RunView:
    async def over() -> bool:
        return (await flow_runs.get(principal, run_id)).ended_at is not None

    await until(over, timeout_s)
    return await flow_runs.get(principal, run_id)


async def asked(principal: Principal, kind: str = "approval", count: int = 1) -> list[InboxItem]:
    async def there() -> bool:
        async with unit_of_work() as session:
            return len(await inbox.items(session, principal, kind=kind)) == count

    await until(there)
    async with unit_of_work() as session:
        return await inbox.items(session, principal, kind=kind)


async def decide(principal: Principal, item_id: UUID, decision: str = "approved", **said: Any) -> InboxItem:
    async with unit_of_work() as session:
        return await inbox.decide(session, principal, item_id, Decision(decision=decision, **said))  # type: ignore[arg-type]


async def colleague(principal: Principal, name: str) -> Principal:
    async with unit_of_work() as session:
        account = Account(email=f"{name}-{new_id()}@example.com", name=name, password_hash="-")
        session.add(account)
    return replace(principal, user_id=AccountId(account.id), name=name, email=account.email)


class TestTime:
    async def test_a_pause_outlives_the_worker_and_ends_in_time(
        self, principal: Principal, workers: Workers
    ) -> None:
        first = workers.start()
        run_id = await start(principal, chain(CALL, node("pause", "time.wait", for_s=2), RESULT), {"n": 1})
        await until(partial(has, principal, run_id, "waiting"))
        workers.kill(first)
        workers.start()
        view = await ended(principal, run_id)
        assert (view.status, view.output) == ("succeeded", {"n": 1})
        async with unit_of_work() as session:
            step = next(
                each for each in await flow_runs.steps(session, principal, run_id) if each.node == "pause"
            )
        assert step.duration_ms is not None
        assert step.duration_ms >= 2_000
        assert step.status == "succeeded"

    async def test_a_wait_is_heard_while_another_branch_runs(
        self, principal: Principal, workers: Workers
    ) -> None:
        """The short pause ends and its branch goes on although a model still talks for seconds."""
        slow = node("slow", "ai.llm", model="demo/slow", prompt="talk")
        flow = branching(
            CALL,
            slow,
            node("pause", "time.wait", for_s=0.5),
            node("after", "logic.set", output="went on"),
            edges="call>slow call>pause pause>after",
        )
        workers.start()
        run_id = await start(principal, flow)

        async def went_on() -> bool:
            async with unit_of_work() as session:
                steps = {each.node: each.status for each in await flow_runs.steps(session, principal, run_id)}
            return steps.get("after") == "succeeded"

        await until(went_on)

    async def test_pauses_inside_a_map(self, principal: Principal, workers: Workers) -> None:
        flow = branching(
            CALL,
            node("each", "logic.map", items="{{ input.items }}"),
            {**node("pause", "time.wait", for_s="{{ item }}"), "parent": "each"},
            node("done", "output.result", value="{{ nodes.each.results }}"),
            edges="call>each each.item>pause each.done>done",
        )
        workers.start()
        view = await ended(principal, await start(principal, flow, {"items": [0.6, 0.1, 0.3]}))
        assert view.output == [0.6, 0.1, 0.3]

    async def test_a_waiting_run_can_be_cancelled(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        run_id = await start(principal, chain(CALL, node("pause", "time.wait", for_s=3600), RESULT))
        await until(partial(has, principal, run_id, "waiting"))
        async with unit_of_work() as session:
            await flow_runs.cancel(session, principal, run_id)
        assert (await ended(principal, run_id)).status == "cancelled"


class TestApproval:
    def _flow(self, **params: Any) -> dict[str, Any]:
        ask = node("ask", "human.approval", question="Refund {{ input.sum }}?", **params)
        done = node("done", "output.result", value="{{ nodes.ask.decision }} by {{ nodes.ask.decided_by }}")
        late = node("late", "output.result", value="too late")
        return branching(
            CALL, ask, done, late, edges="call>ask ask.approved>done ask.rejected>done ask.timeout>late"
        )

    async def test_the_first_decision_counts_and_the_second_is_told_whose_it_was(
        self, principal: Principal, workers: Workers
    ) -> None:
        workers.start()
        run_id = await start(principal, self._flow(), {"sum": 7})
        (item,) = await asked(principal)
        assert (item.title, item.may_decide, item.refusal) == ("Refund 7?", False, "approval.own_run")
        with pytest.raises(AppError) as own:
            await decide(principal, item.id)
        assert (own.value.error_code, own.value.status) == ("approval.own_run", 403)
        boss, other = await colleague(principal, "Boss"), await colleague(principal, "Other")
        await decide(boss, item.id, "approved", note="fine")
        with pytest.raises(AppError) as late:
            await decide(other, item.id, "rejected")
        assert late.value.status == 409
        assert late.value.context["decided_by"] == "Boss"
        assert late.value.context["decision"] == "approved"
        assert (await ended(principal, run_id)).output == "approved by Boss"
        with pytest.raises(AppError) as over:
            await decide(other, item.id, "rejected")
        assert over.value.context["decided_by"] == "Boss"

    async def test_a_quorum_of_those_who_were_asked(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        people = [await colleague(principal, name) for name in ("Ada", "Bob", "Cy")]
        emails = [person.email for person in people]
        run_id = await start(principal, self._flow(assignees=emails, quorum=2), {"sum": 1})
        (item,) = await asked(principal)
        with pytest.raises(AppError) as stranger:
            await decide(await colleague(principal, "Eve"), item.id)
        assert stranger.value.error_code == "approval.not_assigned"
        await decide(people[0], item.id)
        with pytest.raises(AppError) as twice:
            await decide(people[0], item.id)
        assert twice.value.status == 409
        await decide(people[1], item.id, "rejected")
        assert (await flow_runs.get(principal, run_id)).status == "waiting"
        await decide(people[2], item.id)
        assert (await ended(principal, run_id)).output == "approved by Cy"

    async def test_too_many_rejections_reject(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        people = [await colleague(principal, name) for name in ("Ada", "Bob")]
        flow = self._flow(assignees=[person.email for person in people], quorum=2)
        run_id = await start(principal, flow, {"sum": 1})
        (item,) = await asked(principal)
        await decide(people[1], item.id, "rejected")
        assert (await ended(principal, run_id)).output == "rejected by Bob"

    async def test_the_deadline_fires_and_the_question_is_over(
        self, principal: Principal, workers: Workers
    ) -> None:
        workers.start()
        run_id = await start(principal, self._flow(deadline_s=0.5), {"sum": 1})
        assert (await ended(principal, run_id)).output == "too late"
        async with unit_of_work() as session:
            (item,) = await inbox.items(session, principal, decided=True)
        assert item.status == "timeout"

    async def test_the_form_is_checked_and_goes_on_with_the_decision(
        self, principal: Principal, workers: Workers
    ) -> None:
        form = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
        ask = node("ask", "human.approval", question="How much?", form=form, allow_self=True)
        done = node("done", "output.result", value="{{ nodes.ask.form.sum }}")
        workers.start()
        run_id = await start(principal, branching(CALL, ask, done, edges="call>ask ask.approved>done"))
        (item,) = await asked(principal)
        with pytest.raises(AppError) as refused:
            await decide(principal, item.id, form={"sum": "much"})
        assert refused.value.context["path"] == "body.form.sum"
        await decide(principal, item.id, form={"sum": 12})
        assert (await ended(principal, run_id)).output == 12

    async def test_a_cancelled_run_asks_nobody_any_more(self, principal: Principal, workers: Workers) -> None:
        workers.start()
        run_id = await start(principal, self._flow(allow_self=True), {"sum": 1})
        (item,) = await asked(principal)
        async with unit_of_work() as session:
            await flow_runs.cancel(session, principal, run_id)
        await ended(principal, run_id)
        await asked(principal, count=0)
        with pytest.raises(AppError) as over:
            await decide(principal, item.id)
        assert over.value.error_code == "approval.run_over"


async def test_tasks_are_waited_for_or_not(principal: Principal, workers: Workers) -> None:
    flow = branching(
        CALL,
        node("note", "human.task", title="Call back", wait=False),
        node("work", "human.task", title="Measure {{ input.task_id | size }}"),
        node("done", "output.result", value="{{ nodes.work.result.metres }}"),
        edges="call>note note.done>work work.done>done",
    )
    workers.start()
    run_id = await start(principal, flow)
    items = {item.title: item for item in await asked(principal, "task", 2)}
    work = next(item for title, item in items.items() if title.startswith("Measure"))
    async with unit_of_work() as session:
        await inbox.finish_task(session, principal, work.id, TaskResult(result={"metres": 3}))
    assert (await ended(principal, run_id)).output == 3
    async with unit_of_work() as session:
        done = await inbox.finish_task(session, principal, items["Call back"].id, TaskResult())
    assert done.status == "done"


class Talk:
    """One conversation with a stored flow."""

    def __init__(self, principal: Principal, flow_id: UUID) -> None:
        self.principal, self.flow_id = principal, flow_id
        self.session_id: str | None = None

    async def say(self, text: str, *, wait: bool = True) -> chat.Said:
        body = ChatRequest(message=text, flow_id=self.flow_id, session_id=self.session_id)
        said = await say(self.principal, body, wait=wait)
        self.session_id = said.session_id
        return said

    async def hear(self, text: str) -> str:
        return (await chat.answer(self.principal, await self.say(text))).response

    async def messages(self) -> list[str]:
        async with unit_of_work() as session:
            return [each.text for each in await chat.history(session, self.principal, str(self.session_id))]


class TestConversation:
    async def test_a_question_is_asked_again_until_it_is_answered(
        self, principal: Principal, workers: Workers
    ) -> None:
        flow = branching(
            CHAT,
            node("ask", "channel.ask", question="How old are you?", expects="number", retries=1),
            node("thanks", "channel.send", text="Next year you are {{ nodes.ask.answer | plus: 1 }}"),
            node("sorry", "channel.send", text="Sorry"),
            edges="call>ask ask.answered>thanks ask.invalid>sorry",
            kind="agent",
        )
        talk = Talk(principal, await store(principal, flow))
        workers.start()
        assert await talk.hear("Hi") == "How old are you?"
        assert await talk.hear("old enough") == "How old are you?"
        assert await talk.hear("41") == "Next year you are 42"
        asked_twice = await talk.messages()
        assert asked_twice.count("How old are you?") == 2
        assert await talk.hear("Hi again") == "How old are you?"
        await talk.hear("no")
        assert await talk.hear("never") == "Sorry"

    async def test_a_sequence_stops_on_reply_and_forever_when_told_to(
        self, principal: Principal, workers: Workers
    ) -> None:
        flow = branching(
            CHAT,
            node("one", "sequence.step", text="Are you there?", wait_s=0.5),
            node("two", "sequence.step", text="Last try", wait_s=60),
            node("replied", "output.result", value="{{ input.reply }}"),
            node("out", "output.result", value="opted out"),
            edges="call>one one.timeout>two one.opted_out>out two.replied>replied two.opted_out>out",
            kind="agent",
        )
        talk = Talk(principal, await store(principal, flow))
        workers.start()
        first = await talk.say("enrol", wait=False)
        assert first.run_id is not None
        await until(partial(self._said, talk, "Last try"))
        await talk.hear("Yes, later")
        assert (await ended(principal, first.run_id)).output == "Yes, later"
        second = await talk.say("enrol", wait=False)
        assert second.run_id is not None
        await until(partial(has, principal, second.run_id, "waiting"))
        await talk.hear("STOP")
        assert (await ended(principal, second.run_id)).output == "opted out"
        third = await talk.say("enrol")
        assert third.run_id is not None
        assert (await ended(principal, third.run_id)).output == "opted out"

    async def _said(self, talk: Talk, text: str) -> bool:
        return text in await talk.messages()

    async def test_while_a_person_leads_the_flow_is_silent(
        self, principal: Principal, workers: Workers
    ) -> None:
        flow = branching(
            CHAT,
            node("person", "human.takeover", reason="Wants a human"),
            node("chatter", "time.wait", for_s=0.3),
            node("loud", "channel.send", text="I am a bot"),
            node("back", "channel.send", text="Back again: {{ nodes.person.returned_by }}"),
            edges="call>person call>chatter chatter>loud person.returned>back",
            kind="agent",
        )
        talk = Talk(principal, await store(principal, flow))
        workers.start()
        said = await talk.say("A human please")
        (item,) = await asked(principal, "takeover")
        assert said.run_id is not None
        assert item.conversation_id is not None
        await until(partial(self._loud, principal, said.run_id))
        answer = await chat.answer(principal, await talk.say("Hello?"))
        assert (answer.response, answer.taken_over, answer.run_id) == ("", True, None)
        async with unit_of_work() as session:
            await conversations.say_as_person(session, principal, item.conversation_id, "Ann here")
            await inbox.give_back(session, principal, item.id, GiveBack(note="solved"))
        view = await ended(principal, said.run_id)
        assert [message["text"] for message in view.messages] == ["Back again: Ann"]
        assert await talk.messages() == ["A human please", "Hello?", "Ann here", "Back again: Ann"]

    async def _loud(self, principal: Principal, run_id: UUID) -> bool:
        async with unit_of_work() as session:
            steps = {each.node: each.status for each in await flow_runs.steps(session, principal, run_id)}
        return steps.get("loud") == "succeeded"

    async def test_a_burst_gets_one_reply(self, principal: Principal, workers: Workers) -> None:
        flow = chain(CHAT, node("say", "channel.send", text="You said: {{ trigger.message }}"), kind="agent")
        flow["settings"] = {"conversation": {"on_new_message": "merge", "debounce_s": 0.4}}
        talk = Talk(principal, await store(principal, flow))
        workers.start()
        runs = [(await talk.say(f"part {number}", wait=False)).run_id for number in range(10)]
        assert len(set(runs)) == 1
        assert runs[0] is not None
        view = await ended(principal, runs[0])
        parts = "\n".join(f"part {number}" for number in range(10))
        assert [message["text"] for message in view.messages] == [f"You said: {parts}"]

    async def test_a_new_message_restarts_a_run_that_did_nothing_yet(
        self, principal: Principal, workers: Workers
    ) -> None:
        pause, say = (
            node("pause", "time.wait", for_s=30),
            node("say", "channel.send", text="{{ trigger.message }}"),
        )
        flow = chain(CHAT, pause, say, kind="agent")
        flow["settings"] = {"conversation": {"on_new_message": "restart"}}
        talk = Talk(principal, await store(principal, flow))
        workers.start()
        first = (await talk.say("one", wait=False)).run_id
        assert first is not None
        await until(partial(has, principal, first, "waiting"))
        second = (await talk.say("two", wait=False)).run_id
        assert second is not None
        assert (await ended(principal, first)).status == "cancelled"
        assert (await flow_runs.get(principal, second)).input["message"] == "one\ntwo"


async def test_a_run_that_waits_answers_a_caller_who_waits(principal: Principal, workers: Workers) -> None:
    flow_id = await store(principal, chain(CALL, node("pause", "time.wait", for_s=3600), RESULT))
    workers.start()
    began = datetime.now(UTC)

    async def queue(session: Any) -> UUID:
        return await flow_runs.queue_stored(session, principal, flow_id, StartRun(wait=True))

    view = await flow_runs.start(principal, queue, wait=True)
    assert view.status == "waiting"
    assert (datetime.now(UTC) - began).total_seconds() < 5


async def test_an_event_that_does_not_fit_is_waited_past(principal: Principal, workers: Workers) -> None:
    fits = {"left": "{{ event.order }}", "op": "eq", "right": "{{ input.order }}"}
    wait = node("wait", "time.wait_event", events=[{"id": "paid", "kind": "webhook", "match": fits}])
    done = node("done", "output.result", value="{{ input.sum }}")
    workers.start()
    run_id = await start(
        principal, branching(CALL, wait, done, edges="call>wait wait.paid>done"), {"order": 7}
    )
    await until(partial(has, principal, run_id, "waiting"))
    for order in (6, 8, 7):
        async with unit_of_work() as session:
            told = await inbox.deliver(session, principal, "webhook", {"order": order, "sum": order * 10})
        assert told == [run_id]
    assert (await ended(principal, run_id)).output == 70


async def test_a_person_answers_late_in_a_wait_for_several_events(
    principal: Principal, workers: Workers
) -> None:
    events = [{"id": "said", "kind": "reply"}, {"id": "paid", "kind": "webhook"}]
    wait = node("wait", "time.wait_event", events=events, deadline_s=0.5)
    late = node("late", "output.result", value="nothing came")
    workers.start()
    run_id = await start(principal, branching(CALL, wait, late, edges="call>wait wait.timeout>late"))
    assert (await ended(principal, run_id)).output == "nothing came"
    async with unit_of_work() as session:
        assert await inbox.deliver(session, principal, "webhook", {}) == []
