"""The journal of one run under one lease, as the driver sees it.

Beside the events it keeps the run's row, its messages, its conversation's memory and its sub-runs in step: all of
that goes into the same append.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.db import unit_of_work
from app.flows.drive import Fenced, Signal
from app.flows.ports import Unstorable
from app.flows.storable import fault
from app.models.conversations import Message
from app.models.flow_runs import FlowRun, RunStatus
from app.repositories import waits
from app.repositories.appends import Append, End
from app.repositories.journal import JournalWriter, load_events, message_row
from app.repositories.leases import Claimed
from app.repositories.waits import SUBFLOW
from app.services.chat import message_id, output_text
from app.services.snapshots import Snapshot
from workers.run_waits import RunWaits, Step, kind_of, task_row, wait_row
from workers.spread import acts_as
from workers.sub_runs import sub_run_row
from workers.toll import RunToll

Event = Mapping[str, Any]
_LONGEST_WORD: Final = 64 * 1024
_DEEPEST: Final = 240  # of values that were checked, with what stands around them
_STEPS: Final = ("step.succeeded", "step.waiting")
_ENDS = {
    "run.succeeded": RunStatus.SUCCEEDED,
    "run.failed": RunStatus.FAILED,
    "run.cancelled": RunStatus.CANCELLED,
}


class RunJournal:
    """Made for a claim; `started` is written together with whatever the run records first.

    `parts` are the runs that maps which spread are waiting for, as their steps prepared them.
    `signals` hands each signal to the driver once; the append that records what came of it forgets it.
    """

    def __init__(
        self,
        writer: JournalWriter,
        run: Claimed,
        snapshot: Snapshot,
        started: Event,
        ring: Callable[[UUID], Awaitable[None]],
        let_go: Callable[[UUID], Awaitable[None]],
        toll: RunToll,
        parts: dict[Step, list[FlowRun]],
    ) -> None:
        self._writer, self._run, self._ring, self._let_go = writer, run, ring, let_go
        self._toll, self._parts = toll, parts
        self._seq = run.seq
        self._stored: frozenset[str] = frozenset()
        self._unsaved: list[Event] = [] if run.seq else [started]
        self._sent: list[Any] = list(run.messages)
        self._remembered = snapshot.conversation_variables() if run.conversation_id else frozenset()
        self._waits = RunWaits(acts_as(run), begun=run.seq > 0)
        self._steps: list[tuple[Any, ...]] | None = [] if run.options.get("told") and not run.seq else None
        self.settled = self.crowded = False
        self.end: End | None = None
        self._ended_at: datetime | None = None

    async def load(self, run_id: str) -> list[Any]:
        """Everything stored, or the start that is yet to be stored. Raises `Unstorable` for one that cannot be."""
        if self._unsaved:
            found = fault(self._unsaved[0], deepest=_DEEPEST)
            if found is not None:
                raise Unstorable(found.code, None, found.path)
            return list(self._unsaved)
        async with unit_of_work() as session:
            events = await load_events(session, self._run.id)
        if len(events) != self._seq:
            raise Fenced(run_id)
        self._waits.take(events)
        return events

    @property
    def seq(self) -> int:
        """The number of the last stored event."""
        return self._seq

    async def signals(self) -> list[Signal]:
        """What waiting steps have yet to hear, each signal once."""
        async with unit_of_work() as session:
            found = await waits.heard(session, self._run.id)
        return [Signal(each.node, each.path, each.value) for each in self._waits.hear(found)]

    async def rest(self, session: AsyncSession) -> bool:
        """Forget signals for steps that no longer wait. True when there is another to hear."""
        if self._waits.stale:
            await waits.close(session, self._run.id, (), self._waits.stale, ended=False)
        return bool(await waits.heard(session, self._run.id))

    @property
    def asks_people(self) -> bool:
        """Whether the run waits for more than the runs it called."""
        return self._waits.asks_people

    def last_word(self) -> bytes:
        """What those who wait for the run's end are told: its id, and for a run that ended in one go all that an
        answer is made of, so that nobody need look it up.
        """
        word = str(self._run.id).encode()
        if self._steps is None or self.end is None or self._ended_at is None:
            return word
        end = {
            "status": str(self.end.status),
            "output": self.end.output,
            "error": self.end.error,
            "usage": self.end.usage,
            "messages": self._sent,
            "steps": self._steps,
            "started_at": self._run.started_at,
            "ended_at": self._ended_at,
        }
        told = orjson.dumps(end, option=orjson.OPT_NON_STR_KEYS)
        return b"%b %b" % (word, told) if len(told) <= _LONGEST_WORD else word

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Any]) -> None:
        """Write `events` after the first `expected_seq`. Raises `Fenced` when another driver has the run."""
        if expected_seq != self._seq + len(self._unsaved):
            raise Fenced(run_id)
        item = self._append([*self._unsaved, *events])
        written = await self._writer.append(item)
        self._toll.recorded(item.events)
        self.settled, self.crowded = written.settled, written.crowded
        self._stored |= written.used
        if written.silenced:
            del self._sent[len(self._sent) - len(item.message_rows) :]
        self._seq, self._unsaved, self.end = item.after, [], item.end
        self._ended_at = written.ended_at
        if self._steps is not None:
            self._steps += [_in_short(event) for event in item.events if event["type"] in _STEPS]
        for row in item.sub_runs:
            await self._ring(row.id)
        for run in written.cancelled:
            await self._let_go(run)

    def _append(self, events: Sequence[Event]) -> Append:
        end = next((_end(event) for event in events if event["type"] in _ENDS), None)
        sent = [message for event in events for message in event.get("messages") or ()]
        rows = self._rows(sent, end)
        self._sent += sent
        turn = self._waits.take(events, ends=end is not None)
        opened = list(turn.opened.values())
        return Append(
            run_id=self._run.id,
            owner=self._run.lease_owner,
            before=self._seq,
            events=events,
            end=end,
            sent=list(self._sent) if sent else None,
            message_rows=rows,
            conversation_id=self._run.conversation_id,
            state=self._memory(events),
            sub_runs=[row for event in opened for row in self._called(event)],
            spent=self._toll.spent(events, turn.called),
            waits=[
                *(wait_row(self._run, event) for event in opened),
                *(task_row(self._run, event, task) for event in events for task in event.get("tasks") or ()),
            ],
            done=turn.done,
            gone=turn.gone,
            callees=turn.callees,
            parts=turn.parts,
            used=turn.used,
            holds=turn.holds,
            frees=turn.frees,
            waited=self._waits.ever,
            stored=self._stored,
        )

    def _called(self, event: Event) -> list[FlowRun]:
        """The runs that a step waits for from now on."""
        if kind_of(event) == SUBFLOW:
            return [sub_run_row(self._run, event, self._toll.budgets)]
        return self._parts.pop((event["node"], event["path"]), [])

    def _memory(self, events: Sequence[Event]) -> dict[str, Any]:
        """What the conversation shall remember of these events' assignments. It knows nothing of simulations."""
        if self._run.simulate:
            return {}
        return {
            name: value
            for event in events
            if event["type"] == "step.succeeded"
            for name, value in (event.get("state") or {}).items()
            if name in self._remembered
        }

    def _rows(self, sent: Sequence[Mapping[str, Any]], end: End | None) -> list[Message]:
        """The messages as rows of the conversation; a run that said nothing says its output at the end."""
        run = self._run
        if run.conversation_id is None or run.simulate:
            return []
        said = list(sent)
        if end is not None and not sent and not self._sent:
            text = output_text(end.output)
            said = [{"id": str(run.id), "text": text}] if text else []
        return [
            message_row(
                run.workspace_id,
                run.conversation_id,
                run.id,
                id=message_id(run.id, message["id"]),
                text=message["text"],
                buttons=message.get("buttons") or [],
            )
            for message in said
        ]


def _in_short(event: Event) -> tuple[Any, ...]:
    """As `repositories.flow_runs.answered` gives a step."""
    return event["type"], event["node"], event.get("usage"), (event.get("wait") or {}).get("kind")


def _end(event: Event) -> End:
    return End(_ENDS[event["type"]], event["output"], event["error"], event["usage"])


def hollow(started: Event) -> Event:
    """The first event of a run that cannot begin: as it is, or without values that no journal can hold."""
    if fault(started, deepest=_DEEPEST) is None:
        return started
    kept = {name: value for name, value in started.items() if name != "part"}
    return {**kept, "input": None, "scope": {}, "state": {}}


def run_started(
    run: Claimed, snapshot: Snapshot, remembered: dict[str, Any], budget: int | None = None
) -> dict[str, Any]:
    """The first event of a journal. `budget` is how many steps are left to a part of a map."""
    part = run.options.get("part")
    if part:
        part = part if budget is None else {**part, "budget": budget}
        first = {"trigger": run.trigger, "input": run.input, "scope": run.scope, "state": part["variables"]}
        return {"type": "run.started", **first, "at": part["started_at"], "part": part}
    return {
        "type": "run.started",
        "trigger": run.trigger,
        "input": run.input,
        "scope": run.scope,
        "state": snapshot.first_state(remembered) | run.options.get("state", {}),
        "at": (run.started_at or now()).isoformat(),
    }
