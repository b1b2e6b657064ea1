"""What a driver asks of the world around it: a journal, somebody to tell, and somebody to perform steps."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from app.flows.bill import Bill
from app.flows.events import ErrorValue, Event, LiveEvent
from app.flows.node_type import Result
from app.flows.plan import PlannedNode


class Fenced(Exception):
    """Another driver has the run. Whoever meets this stops and changes nothing more."""


class Unstorable(Exception):
    """What a run wanted to record cannot be stored: nothing of it is, and trying again would not help.

    `code` says why, `node` and `path` say where, as far as that can be told.
    """

    def __init__(self, code: str, node: str | None = None, path: str = "", reason: str = "") -> None:
        self.code, self.node, self.path, self.reason = code, node, path, reason
        super().__init__(f"{code} {node} {path} {reason}")


class Journal(Protocol):
    """The append-only history of runs."""

    async def load(self, run_id: str) -> list[Event]:
        """All events in order; the first is `run.started`."""
        ...

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Event]) -> None:
        """Write all of `events` after the first `expected_seq`, or none. Raises `Fenced` if there are others, and `Unstorable`."""
        ...


class EventSink(Protocol):
    """Readers of a run. Nothing here may fail the run."""

    async def publish(self, run_id: str, events: Sequence[LiveEvent]) -> None: ...

    def delta(self, run_id: str, node: str, path: str, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class StepRequest:
    """One attempt of one step. `idempotency_key` is the same for every attempt of the step.

    `rounds` is how often a loop's body ran already, `sources` whose edges led here. A step that waited has the
    `wait` it recorded and the `signal` that ended it. `bill` is what its model calls cost, `spent_usd` what the run had
    spent before, `steps_left` how many steps it may take yet.
    """

    run_id: str
    node: PlannedNode
    path: str
    input: Any
    scope: Mapping[str, Any]
    attempt: int
    idempotency_key: str
    now: datetime
    rounds: int = 0
    sources: tuple[str, ...] = ()
    wait: Mapping[str, Any] | None = None
    signal: Mapping[str, Any] | None = None
    bill: Bill = field(default_factory=Bill)
    spent_usd: float = 0.0
    steps_left: int = 0


@dataclass(frozen=True, slots=True)
class Signal:
    """What ends a wait: `value["kind"]` is `due`, `answer`, `event`, `ended`, …; the rest is for the step's type."""

    node: str
    path: str
    value: Mapping[str, Any]


Signals = Callable[[], Awaitable[Sequence[Signal]]]
Perform = Callable[[StepRequest], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class DriveResult:
    """Where the run is now. `waiting`: something outside has to resolve a wait before it goes on."""

    status: Literal["succeeded", "failed", "cancelled", "waiting"]
    output: Any
    error: ErrorValue | None
    usage: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
