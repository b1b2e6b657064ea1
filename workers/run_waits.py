"""What the steps of one run wait for, event by event: which rows an append opens and closes, whom it lets go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from app.core.clock import now
from app.models.flow_waits import FlowWait
from app.repositories import waits
from app.repositories.leases import Claimed
from app.repositories.waits import CONTAINER, FOR_RUNS, SPREAD, SUBFLOW, Heard
from workers.sub_runs import sub_run_id

Event = Mapping[str, Any]
Step = tuple[str, str]
TAKEOVER: Final = "takeover"


@dataclass(slots=True)
class Turn:
    """What one append does to waits. `opened` are the events whose waits are stored, `done` steps whose earlier wait
    has its outcome, `gone` the journal's entries of those given up, `used` signals that were heard.

    `callees` are called runs that nobody waits for any more although they may go on, `called` steps that waited
    for one. `parts` are maps that waited for parts: those still under way shall stop.
    """

    opened: dict[Step, Event] = field(default_factory=dict)
    done: list[Step] = field(default_factory=list)
    gone: list[Mapping[str, str]] = field(default_factory=list)
    used: list[UUID] = field(default_factory=list)
    callees: list[UUID] = field(default_factory=list)
    called: list[Step] = field(default_factory=list)
    parts: list[Step] = field(default_factory=list)
    frees: bool = False

    @property
    def holds(self) -> bool:
        return any(kind_of(event) == TAKEOVER for event in self.opened.values())


class RunWaits:
    """The open waits of a run, kept in step with its journal."""

    def __init__(self, run_id: UUID, *, begun: bool) -> None:
        self._run_id = run_id
        self._kinds: dict[Step, str] = {}
        self._heard: dict[Step, UUID] = {}
        self._ended: set[Step] = set()
        self._given: set[UUID] = set()
        self.ever = begun

    def hear(self, found: Sequence[Heard]) -> list[Heard]:
        """The signals that were not heard before."""
        fresh = [each for each in found if each.id not in self._given]
        self._given |= {each.id for each in fresh}
        self._heard |= {(each.node, each.path): each.id for each in fresh}
        self._ended |= {(each.node, each.path) for each in fresh if each.value.get("kind") == "ended"}
        return fresh

    @property
    def stale(self) -> list[UUID]:
        """Signals that were heard by nobody: their steps no longer wait."""
        return [signal for signal in self._heard.values() if signal in self._given]

    @property
    def asks_people(self) -> bool:
        """Whether the run waits for more than the runs it called."""
        return any(kind not in FOR_RUNS for kind in self._kinds.values())

    def take(self, events: Sequence[Event], *, ends: bool = False) -> Turn:
        """Follow events that are about to be stored. A run that ends opens nothing and lets everything go."""
        turn = Turn()
        for event in events:
            step = event.get("node") or "", event.get("path") or ""
            if event["type"] in ("step.succeeded", "step.failed"):
                self._end(step, turn, None)
            elif event["type"] == "step.waiting" or event.get("due_at"):
                self._end(step, turn, None, again=True)
                self._kinds[step], turn.opened[step] = kind_of(event), event
            for entry in event.get("over") or ():
                self._end((entry["node"], entry["path"]), turn, entry)
        if ends:
            for step in list(self._kinds):
                self._end(step, turn, None)
            turn.opened.clear()
        self.ever = self.ever or bool(turn.done or turn.gone or turn.opened)
        return turn

    def _end(self, step: Step, turn: Turn, entry: Mapping[str, str] | None, *, again: bool = False) -> None:
        kind = self._kinds.pop(step, None)
        if kind is None:
            return
        if step in self._heard:
            turn.used.append(self._heard.pop(step))
        if turn.opened.pop(step, None) is not None:
            return
        turn.frees = turn.frees or (kind == TAKEOVER and not again)
        if entry is not None and entry["why"]:
            turn.gone.append(entry)
        else:
            turn.done.append(step)
        if kind == SPREAD:
            turn.called.append(step)
            turn.parts.append(step)
        if kind != SUBFLOW:
            return
        turn.called.append(step)
        if step not in self._ended:
            turn.callees.append(sub_run_id(self._run_id, *step))


def kind_of(event: Event) -> str:
    return str(event["wait"]["kind"]) if event["type"] == "step.waiting" else CONTAINER


def wait_row(run: Claimed, event: Event) -> FlowWait:
    """A wait, or a container's time limit, as a row that people, events and the clock find."""
    wait: Mapping[str, Any] = event.get("wait") or {"round": 0, "due_at": event["due_at"]}
    node, path, due_at, kind = event["node"], event["path"], wait.get("due_at"), kind_of(event)
    return FlowWait(
        id=waits.wait_id(run.id, node, path, wait.get("round", 1)),
        created_at=now(),
        workspace_id=run.workspace_id,
        run_id=run.id,
        flow_id=run.flow_id,
        conversation_id=run.conversation_id,
        node=node,
        path=path,
        kind=kind,
        keys=waits.keys_of(wait.get("listens") or (), run.workspace_id, run.conversation_id, run.id),
        due_at=datetime.fromisoformat(due_at) if due_at else None,
        data=wait.get("data") or {} if kind != SUBFLOW else {},
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
