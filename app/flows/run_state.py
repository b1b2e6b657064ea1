"""What a run is made of while it is interpreted: steps, frames, open containers. Data only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from app.flows.events import ErrorValue

NO_USAGE: Final[dict[str, Any]] = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0}


class Status(StrEnum):
    """Where a step is. A step that is not reached yet has no status. `OPEN`: a container whose body runs."""

    READY = "ready"
    WAITING = "waiting"
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class StepRef(NamedTuple):
    """A step: a node, and the path of the frame it runs in ("" at the top, "each[3]" in item 3 of map `each`)."""

    node: str
    path: str = ""


@dataclass(slots=True)
class Frame:
    """One level of a run: the flow itself, or a container's body for one item or round.

    `order` sorts frames as their containers and items stand. `unknown` counts edges still unknown, by node;
    `taken` lists taken edges in the order they came. `active` counts steps that are ready, waiting or open.
    `outer` are the outputs of the frames around this one, `names` what a template may use besides.
    """

    path: str = ""
    order: tuple[int, ...] = ()
    owner: StepRef | None = None
    index: int = 0
    value: Any = None
    names: Mapping[str, Any] = field(default_factory=dict)
    outer: Mapping[str, Any] = field(default_factory=dict)
    status: dict[str, Status] = field(default_factory=dict)
    unknown: dict[int, int] = field(default_factory=dict)
    taken: dict[int, list[int]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    active: int = 0

    def copy(self) -> "Frame":
        return replace(
            self,
            status=dict(self.status),
            unknown=dict(self.unknown),
            taken={node: list(each) for node, each in self.taken.items()},
            outputs=dict(self.outputs),
        )


@dataclass(slots=True)
class Opened:
    """A container whose body runs, until `due_at` at most. `values` are a map's items; `last` is a loop's newest result.

    `values` begin with the item `first`. Frames `next`… are not begun yet, `running` are under way; `again` asks the container after each round.
    """

    values: Sequence[Any]
    last: Any
    parallel: int
    on_error: str
    again: bool
    at: str
    outer: Mapping[str, Any]
    due_at: str | None = None
    first: int = 0
    count: int = 0
    next: int = 0
    running: set[int] = field(default_factory=set)
    results: dict[int, Any] = field(default_factory=dict)
    errors: dict[int, ErrorValue] = field(default_factory=dict)

    def copy(self) -> "Opened":
        return replace(self, running=set(self.running), results=dict(self.results), errors=dict(self.errors))


@dataclass(frozen=True, slots=True)
class Closed:
    """A container that ended with its last frame: no event of its own is stored for that."""

    place: int
    path: str
    ports: tuple[str, ...]
    output: Any
    error: ErrorValue | None
    started_at: str

    @property
    def failed(self) -> bool:
        return self.error is not None and not self.ports


class Over(NamedTuple):
    """A wait or a container's time limit that ended without an event of its own.

    `why`: the container `by` was `stopped` by a failure or ran `out_of_time`, or the join `by` found the step too `late`;
    empty where nothing was given up.
    """

    node: str
    path: str
    why: str = ""
    by: str = ""


@dataclass(slots=True)
class Changes:
    """What one event brought: newly skipped and newly ready steps as (node's place, path), closed containers, and
    what nobody waits for any more.
    """

    skipped: list[tuple[int, str]] = field(default_factory=list)
    ready: list[tuple[int, str]] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    over: list[Over] = field(default_factory=list)


@dataclass(slots=True)
class State:
    """A run so far. `ready` maps each ready step to its place in the order of performing.

    A run that does a `part` of another one's map has its results in `part_output` in the end, and a
    `budget` of steps of its own.
    """

    trigger: str | None = None
    input: Any = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    started_at: str = ""
    variables: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, Frame] = field(default_factory=lambda: {"": Frame()})
    opened: dict[StepRef, Opened] = field(default_factory=dict)
    ready: dict[StepRef, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    waits: dict[StepRef, dict[str, Any]] = field(default_factory=dict)
    sent: set[StepRef] = field(default_factory=set)
    results: dict[str, tuple[tuple[int, ...], Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=lambda: dict(NO_USAGE))
    steps: int = 0
    budget: int | None = None
    stopped: tuple[str, ErrorValue | None] | None = None
    end: Mapping[str, Any] | None = None
    part: StepRef | None = None
    part_output: Any = None

    @property
    def ended(self) -> bool:
        return self.end is not None

    @property
    def status(self) -> dict[str, Status]:
        """The steps of the flow itself, containers' bodies left out."""
        return self.frames[""].status

    @property
    def outputs(self) -> dict[str, Any]:
        return self.frames[""].outputs

    def copy(self) -> "State":
        return replace(
            self,
            frames={path: frame.copy() for path, frame in self.frames.items()},
            opened={ref: opened.copy() for ref, opened in self.opened.items()},
            ready=dict(self.ready),
            waits=dict(self.waits),
            sent=set(self.sent),
            results=dict(self.results),
            messages=list(self.messages),
            usage=dict(self.usage),
        )


def inside(path: str, node: str, index: int) -> str:
    """The path of a container's frame."""
    return f"{path}.{node}[{index}]" if path else f"{node}[{index}]"
