"""What a node type is: a params model, an output model, an async function and one frozen value.

Nothing here knows a particular node. Nodes declare `NODE = NodeType(...)`; `app/nodes/catalog.py` lists them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from app.flows.events import ErrorValue

JsonValue = Any
Effects = Literal["none", "read", "idempotent", "unsafe"]


class Rendered:
    """Marks a params field whose strings are templates. `kind` says what the rendered field must be.

    `text`: always a string afterwards (other values are written as text, objects as JSON).
    `value`: any JSON; a string that is exactly one `{{ path }}` takes the value with its type.
    `raw`: checked like a value, but the node renders it itself with `ctx.render` (assignments, conditions).
    """

    def __init__(self, kind: Literal["text", "value", "raw"]) -> None:
        self.kind = kind


Template = Annotated[str, Rendered("text"), Field(json_schema_extra={"x-template": "text"})]
Value = Annotated[Any, Rendered("value"), Field(json_schema_extra={"x-template": "value"})]
Raw = Annotated[Any, Rendered("raw"), Field(json_schema_extra={"x-template": "value"})]
Condition = Annotated[
    dict[str, Any],
    Rendered("raw"),
    Field(json_schema_extra={"x-template": "condition", "widget": "condition"}),
]


class Params(BaseModel):
    """Base of every params model: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Output(BaseModel):
    """Base of every output model."""

    model_config = ConfigDict(frozen=True)


class Usage(Output):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None


class ErrorKind(StrEnum):
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    AUTH = "auth"
    INVALID_INPUT = "invalid_input"
    UPSTREAM = "upstream"
    POLICY = "policy"
    BUDGET = "budget"
    CANCELLED = "cancelled"
    BUG = "bug"

    @property
    def retryable(self) -> bool:
        return self in (ErrorKind.RATE_LIMITED, ErrorKind.TIMEOUT, ErrorKind.UPSTREAM)


class NodeError(Exception):
    """A located failure of one step.

    `code` is stable and names the sentence (`errors.<code>`); `context` fills it. `param` and `path` name the
    place inside the node where they are known. `retry_after_s` is the provider's own wish, in seconds.
    """

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        *,
        param: str | None = None,
        path: str | None = None,
        retry_after_s: float | None = None,
        **context: JsonValue,
    ) -> None:
        self.kind, self.code, self.param, self.path = kind, code, param, path
        self.retry_after_s, self.context = retry_after_s, context
        super().__init__(f"{kind}/{code} {context}")


class InnerError(NodeError):
    """A failure that happened elsewhere, passed on as it is: `value` is an error as stored, with a place of its own."""

    def __init__(self, value: ErrorValue) -> None:
        self.value = value
        super().__init__(ErrorKind(value["kind"]), value["code"])


class Message(TypedDict):
    """One outgoing chat message. `id` is derived from the step's idempotency key, so a repeat is the same row."""

    id: str
    text: str
    buttons: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Next:
    """Leave by `ports` (one name, or several where the type says so) with `output`.

    `state` holds assignments to `state.<name>`; `messages` what was sent to the conversation; `usage` what a
    model call cost: `{"model", "prompt_tokens", "completion_tokens", "cost_usd"}`; `effects` what a step of a
    simulated run would have done; `tasks` what people shall do that nobody waits for. `cached`: an earlier run's answer.
    """

    port: str | tuple[str, ...]
    output: JsonValue = None
    state: Mapping[str, JsonValue] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    usage: Mapping[str, JsonValue] | None = None
    effects: tuple[Mapping[str, JsonValue], ...] = ()
    tasks: tuple[Mapping[str, JsonValue], ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """End the run here. Everything still under way is cancelled."""

    outcome: Literal["succeeded", "failed", "cancelled"]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Suspend:
    """Hold no worker: record `wait` and go on when a signal ends it. `messages` are said on the way.

    `wait["kind"]` picks who ends it; waits are data, so they survive anything. At `due_at` (ISO 8601) it ends by
    itself. `listens` names sources of events that end it: `reply` (in the run's conversation), `webhook`, `kommo`,
    `task`. `data` is what people are shown. A `subflow` has `flow`, `version` and `input`.
    """

    wait: Mapping[str, JsonValue]
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Open:
    """Go into a container's body `count` times, at most `parallel` at once.

    `on_error` says what a failed body means: `stop` fails the container, `skip` leaves the item out, `collect`
    lists its error. With `again` the container is asked anew once these are through. With `spread` other workers may
    take some of the frames; who performs the step decides.
    """

    count: int
    parallel: int = 1
    on_error: Literal["stop", "skip", "collect"] = "stop"
    again: bool = False
    spread: bool = False


Result = Next | Stop | Suspend | Open


@dataclass(frozen=True, slots=True)
class Container:
    """A node type with a body. Its body begins at `port`; `done` is the port by which it leaves in the end.

    `items` reads a map's items from the rendered params; None for a loop, which goes round with its input.
    """

    port: str
    done: str
    items: Callable[[Any], list[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """A node type that goes on before all its edges are known: after `needs` of them were taken.

    With `cancels` the steps that lead nowhere else are then given up.
    """

    needs: int
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class PortList:
    """Output ports that come from a list param: one per item (`item[id_field]`, labelled `item[label_field]`).

    Where an id `repeats`, its items share one port.
    """

    param: str
    id_field: str = "id"
    label_field: str = "name"
    repeats: bool = False


class Known(Protocol):
    """What is known of a node's surroundings before anything runs, as JSON Schemas; `{}` is anything.

    `input` is what the node gets, `inputs` what the flow does, `body` what one pass of a container's body gives.
    """

    @property
    def input(self) -> Mapping[str, Any]: ...

    @property
    def inputs(self) -> Mapping[str, Any]: ...

    @property
    def body(self) -> Mapping[str, Any]: ...

    def of(self, value: JsonValue) -> Mapping[str, Any]:
        """The shape of a raw param value once its templates are rendered in the node's scope."""
        ...

    def called(self, flow: JsonValue, version: JsonValue) -> Mapping[str, Any]:
        """The output of another flow's run."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """A node that runs another flow. `flow` is its id, `param` the one whose raw value is the called run's `input`.

    `version` is a number or `latest`. With `waits` the called run's output comes back.
    """

    flow: JsonValue
    version: JsonValue
    input: JsonValue
    param: str
    waits: bool


@dataclass(frozen=True, slots=True)
class NodeType:
    """One node type. `ports` are the fixed output ports, after the ones of `port_list`.

    `output=None` with `passes_input=True` means the output is the node's input. `output_schema`, where given,
    computes the output's JSON Schema from the raw params (and the flow's `inputs` schema) for the checker; an
    empty answer means "the input"; `infer` does so from the raw params and all that is known around the node.
    `wants` gives the JSON Schemas that rendered params must fit beyond what the model says. `calls` tells of a node
    that runs another flow. `effects_of` narrows `effects` for given params (a GET only reads).
    `starts_with` are the params a new node of this type begins with. `container` makes it a frame around other
    nodes, `join` lets it go on early, `names` are further names its own templates know.
    All that a `transactional` type does to the world is rows that are stored together with its result. `resume(params, ctx)` continues a step that waited, with `ctx.signal`.
    """

    key: str
    version: int
    category: str
    icon: str
    effects: Effects
    params: type[Params]
    output: type[Output] | None
    ports: tuple[str, ...]
    run: Callable[[Any, Any], Awaitable[Result]]
    tool: bool = False
    trigger: bool = False
    has_input: bool = True
    passes_input: bool = False
    port_list: PortList | None = None
    output_schema: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] | None = None
    infer: Callable[[Mapping[str, Any], Known], Mapping[str, Any]] | None = None
    wants: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    calls: Callable[[Mapping[str, Any]], Call | None] | None = None
    check: Callable[[Mapping[str, Any]], list[tuple[str, str, Mapping[str, Any]]]] | None = None
    migrations: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = ()
    effects_of: Callable[[Mapping[str, Any]], Effects] | None = None
    starts_with: Mapping[str, Any] = field(default_factory=dict)
    container: Container | None = None
    join: Callable[[Mapping[str, Any]], Join] | None = None
    resume: Callable[[Any, Any], Awaitable[Result]] | None = None
    names: tuple[str, ...] = ()
    transactional: bool = False

    def effects_for(self, params: Mapping[str, Any]) -> Effects:
        """The effect class of a node with these raw params."""
        return self.effects_of(params) if self.effects_of else self.effects

    def out_ports(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """Port ids in order for these raw params; malformed items of a port list are passed over."""
        if self.port_list is None:
            return self.ports
        items = params.get(self.port_list.param)
        listed = tuple(
            str(item[self.port_list.id_field])
            for item in (items if isinstance(items, list | tuple) else ())
            if isinstance(item, Mapping) and item.get(self.port_list.id_field)
        )
        return (tuple(dict.fromkeys(listed)) if self.port_list.repeats else listed) + self.ports


class Catalog(Protocol):
    """Node types by key."""

    def get(self, key: str) -> NodeType | None: ...

    def __iter__(self) -> Any: ...
