"""What a run wants written, and its text: one JSON for a batch, looked at again only when something may be large."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from orjson import Fragment

from app.flows.large_values import LARGE_BYTES, dumps
from app.models.conversations import Message
from app.models.flow_runs import FlowRun, RunStatus
from app.models.flow_waits import FlowWait
from app.repositories.base import row_values
from app.repositories.blobs import Beside
from app.repositories.spending import Spent


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, for its row."""

    status: RunStatus
    output: Any
    error: Any
    usage: Mapping[str, Any]


@dataclass(slots=True)
class Append:
    """What one run wants written. `before` is the number of its last stored event.

    `sent` are all messages of the run so far, or None when this append adds none. `state` are the variables its
    conversation shall remember. `sub_runs` are rows of runs that steps of this append wait for, `waits` all its
    new waits. `done` are steps whose earlier waits are over, `used` the signals that ended them. A step that took
    the conversation over `holds` it, one that gives it back `frees` it. `gone` are waits that are given up, `callees`
    called runs that nobody waits for any more: they are cancelled, and so are the `parts` of maps. `spent` is what the
    steps of this append cost. `stored` are hashes of large values that this run is known to use already.
    """

    run_id: UUID
    owner: str
    before: int
    events: Sequence[Mapping[str, Any]]
    end: End | None = None
    sent: Sequence[Mapping[str, Any]] | None = None
    message_rows: Sequence[Message] = ()
    conversation_id: UUID | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    sub_runs: Sequence[FlowRun] = ()
    waits: Sequence[FlowWait] = ()
    done: Sequence[tuple[str, str]] = ()
    gone: Sequence[Mapping[str, str]] = ()
    callees: Sequence[UUID] = ()
    parts: Sequence[tuple[str, str]] = ()
    spent: Sequence[Spent] = ()
    used: Sequence[UUID] = ()
    holds: bool = False
    frees: bool = False
    waited: bool = False
    stored: frozenset[str] = frozenset()

    @property
    def speaks_in(self) -> UUID | None:
        """The conversation that this append says something in, or gives something to remember."""
        return self.conversation_id if self.state or self.message_rows else None

    @property
    def plain(self) -> bool:
        """Whether it is events, the run's row and messages, and nothing else."""
        return not (
            self.sub_runs or self.waits or self.done or self.gone or self.callees or self.parts or self.spent
            or self.used or self.holds or self.frees or (self.end is not None and self.waited)
        )  # fmt: skip

    @property
    def after(self) -> int:
        return self.before + len(self.events)


def items(batch: Sequence[Append], beside: Beside) -> str:
    """The runs' rows as the append takes them, one JSON; what is large goes beside."""
    rows = [
        {"id": item.run_id, "owner": item.owner, "before": item.before, "after": item.after}
        | (_end(item.end) if item.end is not None else {})
        | ({} if item.sent is None else {"messages": list(item.sent)})
        | ({} if item.speaks_in is None else _speaking(item))
        for item in batch
    ]
    written = dumps(rows)
    if len(written) > LARGE_BYTES:
        written = dumps([_small_row(row, beside, item.stored) for row, item in zip(rows, batch, strict=True)])
    return written.decode()


def messages(batch: Sequence[Append]) -> str:
    """The messages of conversations as the append takes them, one JSON."""
    return dumps([row_values(row) for item in batch for row in item.message_rows]).decode()


def _speaking(item: Append) -> dict[str, Any]:
    return {"conversation_id": item.conversation_id, "state": item.state or None, "frees": item.frees}


def _end(end: End) -> dict[str, Any]:
    return {"status": str(end.status), "output": end.output, "error": end.error, "usage": dict(end.usage)}


def events(batch: Sequence[Append], beside: Beside) -> str:
    """All events as the append takes them, one JSON; what is large goes beside."""
    rows: list[dict[str, Any]] = [
        {"run_id": item.run_id, "seq": seq, "event": event}
        for item in batch
        for seq, event in enumerate(item.events, item.before + 1)
    ]
    written = dumps(rows)
    if len(written) > LARGE_BYTES:  # only then can one of them be large
        known = {item.run_id: item.stored for item in batch}
        written = dumps(
            [
                {**row, "event": small(row["run_id"], row["event"], beside, known[row["run_id"]])}
                for row in rows
            ]
        )
    return written.decode()


def small(run_id: UUID, event: Mapping[str, Any], beside: Beside, known: frozenset[str]) -> Any:
    """An event as it is stored; the large values of a large one go beside it."""
    written = dumps(event)
    return Fragment(written if len(written) <= LARGE_BYTES else beside.event(run_id, written, known))


def _small_row(row: dict[str, Any], beside: Beside, known: frozenset[str]) -> dict[str, Any]:
    found = dict(row)
    for name in ("output", "error", "messages"):
        if row.get(name) is not None:
            written = dumps(row[name])
            if len(written) > LARGE_BYTES:
                found[name] = Fragment(beside.column(row["id"], name, written, known))
    return found
