"""What a node may ask of the world: protocols and frozen values, no code.

`workers/wiring.py` binds them to integrations, tests to fakes, simulation to recorders. A method raises
`NodeError` (and nothing else on purpose) when the world says no.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.flows.node_type import Message


@dataclass(frozen=True, slots=True)
class Completion:
    """One finished model answer. `cost_usd` is None where no price is known.

    `json` is the answer's value where the request had an `output_schema`; it was checked against it.
    """

    text: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    finish_reason: str = "stop"
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    json: Any = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One model call. `messages` are OpenAI-shaped; `extra` is added to the call (tools, tool_choice, …).

    With an `output_schema` the answer must be JSON of that schema: a bad one is repaired once, then refused.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    fallbacks: tuple[str, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None
    output_schema: Mapping[str, Any] | None = None
    stream: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


class Llm(Protocol):
    async def complete(self, request: ModelRequest) -> Completion:
        """Call the model, then its fallbacks. Streamed text reaches the run's readers while it arrives.

        The binding sends the step's idempotency key along. Raises `NodeError` with a `model.*` code.
        """
        ...


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: str | None = None
    credential: str | None = None
    max_bytes: int = 1_048_576


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes
    encoding: str = "utf-8"


class Http(Protocol):
    async def send(self, request: HttpRequest) -> HttpResponse:
        """One outgoing call under the SSRF policy and the size bound; the timeout is the step's."""
        ...


class Channel(Protocol):
    async def send(
        self, text: str, buttons: Sequence[Mapping[str, str]] = (), to: str | None = None
    ) -> Message:
        """Reply in the run's conversation; the message is stored in the transaction that records the step."""
        ...

    async def opted_out(self) -> bool:
        """Whether the contact asked for no more messages of sequences."""
        ...

    async def opt_out(self) -> None:
        """Remember that the contact wants no more. May be repeated."""
        ...


class Emit(Protocol):
    def delta(self, text: str) -> None:
        """Show a piece of text while the step runs. Transient: the final text is in the journal."""
        ...


class NodeContext(Protocol):
    """What a step sees. `input` is the value on its taken edge(s); `scope` every template name in reach.

    `rounds` is how often a loop's body ran, `sources` names the nodes whose edges were taken. A step that waited
    has the `wait` it asked for and the `signal` that ended it: `{"kind": "due"}`, `{"kind": "answer", …}`, ….
    """

    run_id: str
    node_id: str
    idempotency_key: str
    attempt: int
    input: Any
    scope: Mapping[str, Any]
    now: datetime
    simulate: bool
    rounds: int
    sources: tuple[str, ...]
    wait: Mapping[str, Any]
    signal: Mapping[str, Any]
    llm: Llm
    http: Http
    channel: Channel
    emit: Emit

    def render(self, value: Any, state: Mapping[str, Any] | None = None, **names: Any) -> Any:
        """Render a raw value (its strings are templates) in this step's scope.

        `state` holds assignments made earlier in the same step that `state.<name>` should already show; `names` are
        further names, as `event`.
        """
        ...
