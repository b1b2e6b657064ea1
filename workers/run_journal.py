"""The journal of one run under one lease, as the driver sees it.

Beside the events it keeps the run's row, its messages, its conversation's memory and its sub-runs in step: all of
that goes into the same append.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.clock import now
from app.core.db import unit_of_work
from app.flows.drive import Fenced
from app.models.conversations import Message
from app.models.flow_runs import RunStatus
from app.repositories.journal import Append, End, JournalWriter, load_events, message_row
from app.repositories.leases import Claimed
from app.services.chat import message_id, output_text
from app.services.snapshots import Snapshot
from workers.sub_runs import SUBFLOW, sub_run_row

Event = Mapping[str, Any]
_ENDS = {
    "run.succeeded": RunStatus.SUCCEEDED,
    "run.failed": RunStatus.FAILED,
    "run.cancelled": RunStatus.CANCELLED,
}


class RunJournal:
    """Made for a claim; `started` is written together with whatever the run records first."""

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
        self.settled = False
        self.end: End | None = None

    async def load(self, run_id: str) -> list[Any]:
        """Everything stored, or the start that is yet to be stored."""
        if self._unsaved:
            return list(self._unsaved)
        async with unit_of_work() as session:
            events = await load_events(session, self._run.id)
        if len(events) != self._seq:
            raise Fenced(run_id)
        return events

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Any]) -> None:
        """Write `events` after the first `expected_seq`. Raises `Fenced` when another driver has the run."""
        if expected_seq != self._seq + len(self._unsaved):
            raise Fenced(run_id)
        item = self._append([*self._unsaved, *events])
        self.settled = await self._writer.append(item)
        self._seq, self._unsaved, self.end = item.after, [], item.end
        for row in item.sub_runs:
            await self._ring(row.id)

    def _append(self, events: Sequence[Event]) -> Append:
        end = next((_end(event) for event in events if event["type"] in _ENDS), None)
        sent = [message for event in events for message in event.get("messages") or ()]
        rows = self._rows(sent, end)
        self._sent += sent
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
            sub_runs=[sub_run_row(self._run, event) for event in events if _starts_sub_run(event)],
        )

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


def _starts_sub_run(event: Event) -> bool:
    return bool(event["type"] == "step.waiting" and event["wait"].get("kind") == SUBFLOW)


def _end(event: Event) -> End:
    return End(_ENDS[event["type"]], event["output"], event["error"], event["usage"])


def run_started(run: Claimed, snapshot: Snapshot, remembered: dict[str, Any]) -> dict[str, Any]:
    """The first event of a journal."""
    return {
        "type": "run.started",
        "trigger": run.trigger,
        "input": run.input,
        "scope": run.scope,
        "state": snapshot.first_state(remembered),
        "at": (run.started_at or now()).isoformat(),
    }
