"""Journal events: everything a run is. Replaying them in `seq` order rebuilds its state.

Stored as plain JSON objects tagged by `type`; TypedDicts, because building one must cost nothing.
`path` is the step's place inside containers: "" at the top, "each[3]" inside the fourth item of map `each`.
Live events (what readers see) are derived from the journal; see `live`.
"""

from typing import Any, Literal, NotRequired, TypedDict

Json = Any


class ErrorValue(TypedDict):
    """A located error as stored, shown and put on the `error` port. `place` is the step's path in containers."""

    kind: str
    code: str
    message: str
    retryable: bool
    attempts: int
    node: str | None
    param: NotRequired[str | None]
    path: NotRequired[str | None]
    place: NotRequired[str]
    context: NotRequired[dict[str, Json]]


class Part(TypedDict):
    """Some items of a map of another run, from the item `first` on: all that this run does.

    `path` is the map's place there. `outer` are the outputs and `names` the names around its body. `budget` is how many
    steps are left to it.
    """

    container: str
    path: str
    first: int
    items: list[Json]
    parallel: int
    on_error: str
    outer: dict[str, Json]
    names: dict[str, Json]
    budget: NotRequired[int]


class RunStarted(TypedDict):
    """`trigger` is the node that starts; `input` what it received; `scope` extra names (contact, lead, …)."""

    type: Literal["run.started"]
    trigger: str
    input: Json
    scope: dict[str, Json]
    state: dict[str, Json]
    at: str
    part: NotRequired[Part]


class Over(TypedDict):
    """A wait that ended because of another step's event; see `run_state.Over`."""

    node: str
    path: str
    why: str
    by: str


class StepSucceeded(TypedDict):
    """`error` is set when the policy turned a failure into a default value or the `error` port.

    `effects` is what the step of a simulated run would have done, `tasks` what it gave people to do. `cached`: the
    answer is one that an earlier run left behind. `steps` is how many others took that did a part of it.
    """

    type: Literal["step.succeeded"]
    node: str
    path: str
    ports: list[str]
    output: Json
    state: NotRequired[dict[str, Json]]
    messages: NotRequired[list[dict[str, Json]]]
    usage: NotRequired[dict[str, Json] | None]
    effects: NotRequired[list[dict[str, Json]]]
    tasks: NotRequired[list[dict[str, Json]]]
    cached: NotRequired[bool]
    steps: NotRequired[int]
    error: NotRequired[ErrorValue | None]
    over: NotRequired[list[Over]]
    attempts: int
    started_at: str
    duration_ms: float


class StepFailed(TypedDict):
    type: Literal["step.failed"]
    node: str
    path: str
    error: ErrorValue
    usage: NotRequired[dict[str, Json] | None]
    steps: NotRequired[int]
    over: NotRequired[list[Over]]
    started_at: str
    duration_ms: float


class StepWaiting(TypedDict):
    type: Literal["step.waiting"]
    node: str
    path: str
    wait: dict[str, Json]
    messages: NotRequired[list[dict[str, Json]]]
    at: str


class StepOpened(TypedDict):
    """A container goes into its body for frames `first` to `first + count - 1`; see `node_type.Open`.

    A map's items are not repeated here: they follow from its params. Its end follows from its frames. `due_at` is
    when its time is over, told once, as it opens.
    """

    type: Literal["step.opened"]
    node: str
    path: str
    first: int
    count: int
    parallel: int
    on_error: str
    again: bool
    due_at: NotRequired[str]
    over: NotRequired[list[Over]]
    at: str


class StepSent(TypedDict):
    """Stored before an `unsafe` step acts: found without a result, nobody knows what came of it."""

    type: Literal["step.sent"]
    node: str
    path: str
    at: str


class RunStopped(TypedDict):
    """A `logic.stop` was reached, the run's own timeout or step budget struck, or somebody cancelled."""

    type: Literal["run.stopped"]
    outcome: Literal["succeeded", "failed", "cancelled"]
    node: str | None
    message: str
    error: NotRequired[ErrorValue | None]
    at: str


class RunEnded(TypedDict):
    type: Literal["run.succeeded", "run.failed", "run.cancelled"]
    output: Json
    error: ErrorValue | None
    usage: dict[str, Json]
    at: str


Event = RunStarted | StepSucceeded | StepFailed | StepWaiting | StepOpened | StepSent | RunStopped | RunEnded


class LiveEvent(TypedDict):
    """What a reader gets. `seq` counts from 1 without a gap within a run and can be rebuilt from the journal.

    `type` is one of run.started, step.started, step.succeeded, step.failed, step.skipped, step.waiting,
    run.waiting, run.succeeded, run.failed, run.cancelled. Deltas (`step.delta`) carry `seq` 0: they are transient.
    """

    seq: int
    type: str
    node: NotRequired[str]
    path: NotRequired[str]
    data: NotRequired[dict[str, Json]]
