"""The journal of one run under one lease, as the driver sees it.

Beside the events it keeps the run's row, its messages, its conversation's memory and its sub-runs in step: all of
that goes into the same append.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import now
from app.core.db import unit_of_work
from app.flows.drive import Fenced, Signal
from app.models.conversations import Message
from app.models.flow_runs import RunStatus
from app.models.flow_waits import FlowWait
from app.repositories import waits
from app.repositories.journal import Append, End, JournalWriter, load_events, message_row
from app.repositories.leases import Claimed
from app.repositories.waits import SUBFLOW
from app.services.chat import message_id, output_text
from app.services.snapshots import Snapshot
from workers.sub_runs import sub_run_row

Event = Mapping[str, Any]
Step = tuple[str, str]
TAKEOVER: Final = "takeover"
_LONGEST_WORD: Final = 64 * 1024
_STEPS: Final = ("step.succeeded", "step.waiting")
_ENDS = {
    "run.succeeded": RunStatus.SUCCEEDED,
    "run.failed": RunStatus.FAILED,
    "run.cancelled": RunStatus.CANCELLED,
}


class RunJournal:
    """Made for a claim; `started` is written together with whatever the run records first.

    `signals` hands each signal to the driver once; the append that records what came of it forgets it.
    """

    def __init__(
        self,
        writer: JournalWriter,
        run: Claimed,
        snapshot: Snapshot,
        started: Event,
        ring: Callable[[UUID], Awaitable[None]],
    ) -> None:
        self._writer, self._run, self._ring = writer, run, ring
        self._seq = run.seq
        self._unsaved: list[Event] = [] if run.seq else [started]
        self._sent: list[Any] = list(run.messages)
        self._remembered = snapshot.conversation_variables() if run.conversation_id else frozenset()
        self._waits: dict[Step, str] = {}
        self._ever_waited = run.seq > 0
        self._heard: dict[Step, UUID] = {}
        self._given: set[UUID] = set()
        self._steps: list[tuple[Any, ...]] | None = [] if run.options.get("told") and not run.seq else None
        self.settled = self.crowded = False
        self.end: End | None = None

    async def load(self, run_id: str) -> list[Any]:
        """Everything stored, or the start that is yet to be stored."""
        if self._unsaved:
            return list(self._unsaved)
        async with unit_of_work() as session:
            events = await load_events(session, self._run.id)
        if len(events) != self._seq:
            raise Fenced(run_id)
        self._waits = open_waits(events)
        return events

    async def signals(self) -> list[Signal]:
        """What waiting steps have yet to hear, each signal once."""
        async with unit_of_work() as session:
            found = await waits.heard(session, self._run.id)
        fresh = [each for each in found if each.id not in self._given]
        self._given |= {each.id for each in fresh}
        self._heard |= {(each.node, each.path): each.id for each in fresh}
        return [Signal(each.node, each.path, each.value) for each in fresh]

    async def rest(self, session: AsyncSession) -> bool:
        """Forget signals for steps that no longer wait. True when there is another to hear."""
        stale = [signal for step, signal in self._heard.items() if signal in self._given]
        if stale:
            await waits.close(session, self._run.id, (), stale, ended=False)
        return bool(await waits.heard(session, self._run.id))

    @property
    def asks_people(self) -> bool:
        """Whether the run waits for more than the runs it called."""
        return any(kind != SUBFLOW for kind in self._waits.values())

    def last_word(self) -> bytes:
        """What those who wait for the run's end are told: its id, and for a chat run that ended in one go all that
        its answer is made of, so that nobody need look it up.
        """
        word = str(self._run.id).encode()
        if self._steps is None or self.end is None:
            return word
        end = {
            "status": str(self.end.status),
            "output": self.end.output,
            "error": self.end.error,
            "usage": self.end.usage,
            "messages": self._sent,
            "steps": self._steps,
            "ended_at": now(),
        }
        told = orjson.dumps(end, option=orjson.OPT_NON_STR_KEYS)
        return b"%b %b" % (word, told) if len(told) <= _LONGEST_WORD else word

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Any]) -> None:
        """Write `events` after the first `expected_seq`. Raises `Fenced` when another driver has the run."""
        if expected_seq != self._seq + len(self._unsaved):
            raise Fenced(run_id)
        item = self._append([*self._unsaved, *events])
        written = await self._writer.append(item)
        self.settled, self.crowded = written.settled, written.crowded
        if written.silenced:
            del self._sent[len(self._sent) - len(item.message_rows) :]
        self._seq, self._unsaved, self.end = item.after, [], item.end
        if self._steps is not None:
            self._steps += [_in_short(event) for event in item.events if event["type"] in _STEPS]
        for row in item.sub_runs:
            await self._ring(row.id)

    def _append(self, events: Sequence[Event]) -> Append:
        end = next((_end(event) for event in events if event["type"] in _ENDS), None)
        sent = [message for event in events for message in event.get("messages") or ()]
        rows = self._rows(sent, end)
        self._sent += sent
        done, used, frees = self._over(events)
        opened = [event for event in events if event["type"] == "step.waiting"]
        self._waits |= {(event["node"], event["path"]): event["wait"]["kind"] for event in opened}
        frees = frees or (end is not None and TAKEOVER in self._waits.values())
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
            sub_runs=[sub_run_row(self._run, event) for event in opened if event["wait"]["kind"] == SUBFLOW],
            waits=[
                *(wait_row(self._run, event) for event in opened),
                *(task_row(self._run, event, task) for event in events for task in event.get("tasks") or ()),
            ],
            done=done,
            used=used,
            holds=any(event["wait"]["kind"] == TAKEOVER for event in opened),
            frees=frees,
            waited=self._ever_waited or bool(done),
        )

    def _over(self, events: Sequence[Event]) -> tuple[list[Step], list[UUID], bool]:
        """Steps whose wait is over with these events, the signals that ended them, and whether one was a takeover."""
        done: list[Step] = []
        frees = False
        for event in events:
            if event["type"] not in ("step.succeeded", "step.failed", "step.waiting"):
                continue
            step = event["node"], event["path"]
            kind = self._waits.pop(step, None)
            if kind is not None:
                self._ever_waited = True
                done.append(step)
                frees = frees or kind == TAKEOVER
        return done, [self._heard.pop(step) for step in done if step in self._heard], frees

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


def open_waits(events: Sequence[Event]) -> dict[Step, str]:
    """The kinds of waits without a result, by step."""
    found: dict[Step, str] = {}
    for event in events:
        if event["type"] == "step.waiting":
            found[event["node"], event["path"]] = event["wait"]["kind"]
        elif event["type"] in ("step.succeeded", "step.failed"):
            found.pop((event["node"], event["path"]), None)
    return found


def wait_row(run: Claimed, event: Event) -> FlowWait:
    """A wait as a row that people, events and the clock find."""
    wait, node, path = event["wait"], event["node"], event["path"]
    due_at = wait.get("due_at")
    return FlowWait(
        id=waits.wait_id(run.id, node, path, wait.get("round", 1)),
        created_at=now(),
        workspace_id=run.workspace_id,
        run_id=run.id,
        flow_id=run.flow_id,
        conversation_id=run.conversation_id,
        node=node,
        path=path,
        kind=wait["kind"],
        keys=waits.keys_of(wait.get("listens") or (), run.workspace_id, run.conversation_id, run.id),
        due_at=datetime.fromisoformat(due_at) if due_at else None,
        data=wait.get("data") or {} if wait["kind"] != SUBFLOW else {},
    )


def task_row(run: Claimed, event: Event, task: Mapping[str, Any]) -> FlowWait:
    """A task that no step waits for."""
    return FlowWait(
        id=uuid5(run.id, f"task:{task['id']}"),
        created_at=now(),
        workspace_id=run.workspace_id,
        run_id=run.id,
        flow_id=run.flow_id,
        conversation_id=run.conversation_id,
        node=event["node"],
        path=event["path"],
        kind="task",
        data=dict(task),
        detached=True,
    )


def _end(event: Event) -> End:
    return End(_ENDS[event["type"]], event["output"], event["error"], event["usage"])


def run_started(run: Claimed, snapshot: Snapshot, remembered: dict[str, Any]) -> dict[str, Any]:
    """The first event of a journal."""
    return {
        "type": "run.started",
        "trigger": run.trigger,
        "input": run.input,
        "scope": run.scope,
        "state": snapshot.first_state(remembered) | run.options.get("state", {}),
        "at": (run.started_at or now()).isoformat(),
    }
