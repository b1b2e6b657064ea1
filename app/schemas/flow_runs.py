"""Runs, steps and chat as the API and the pages show them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class StartRun(_Body):
    """`draft` None: the editor runs the draft, an API key what is published (the draft while nothing is)."""

    input: Any = Field(default_factory=dict)
    wait: bool = False
    simulate: bool = False
    draft: bool | None = None
    conversation_id: UUID | None = None


class StartInline(_Body):
    """`flow` is a `flow/1` document that need not be stored."""

    flow: dict[str, Any]
    input: Any = Field(default_factory=dict)
    wait: bool = False
    simulate: bool = False


class Replay(_Body):
    """`from_node` None replays from the trigger. `resume` takes up everything recorded and does what is missing.

    `outputs` replaces recorded outputs of nodes upstream, `input` the run's input.
    """

    from_node: Annotated[str, Field(max_length=40)] | None = None
    simulate: bool = True
    resume: bool = False
    input: Any = None
    outputs: Annotated[dict[str, Any], Field(max_length=200)] = Field(default_factory=dict)


class RunView(_View):
    id: UUID
    flow_id: UUID | None
    version: int | None
    status: Status
    input: Any
    output: Any
    error: Any
    usage: dict[str, Any]
    messages: list[Any]
    source: str
    simulate: bool
    conversation_id: UUID | None
    parent_run_id: UUID | None
    replay_of: UUID | None = None
    replay_from: str = ""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: float | None
    details_removed_at: Annotated[
        datetime | None, Field(description="Since then its steps are gone, as the retention setting says.")
    ] = None


class RunItem(_View):
    """One line of the list of runs."""

    id: UUID
    flow_id: UUID | None
    flow_name: str
    status: Status
    source: str
    simulate: bool
    version: int | None
    error: Any
    cost_usd: float | None
    replay_of: UUID | None
    created_at: datetime
    ended_at: datetime | None
    duration_ms: float | None


class RunPage(_View):
    """`next` is the cursor of the following page, null on the last."""

    items: list[RunItem]
    next: str | None


class StepView(_View):
    """One step, as far as it got. `status` is also `running` for one that is ready but has no result."""

    node: str
    path: str
    status: Literal["running", "succeeded", "failed", "skipped", "waiting"]
    input: Any = None
    output: Any = None
    error: Any = None
    usage: dict[str, Any] | None = None
    effects: Annotated[list[Any], Field(description="What the step of a simulated run would have done.")] = []
    ports: list[str] = []
    started_at: str | None = None
    duration_ms: float | None = None
    attempts: int = 0
    cached: Annotated[bool, Field(description="The answer is one that an earlier run left behind.")] = False


class ChatRequest(_Body):
    """`agent_id` is another name of `flow_id`. `session_id` None starts a new conversation."""

    message: Annotated[str, Field(min_length=1, max_length=32_000)]
    flow_id: Annotated[UUID, Field(validation_alias=AliasChoices("flow_id", "agent_id"))]
    session_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    stream: bool = False
    draft: bool | None = None
    simulate: bool = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class MessageView(_View):
    id: UUID
    role: Literal["user", "assistant"]
    author: Annotated[
        str, Field(description="The person who spoke for the flow; empty for the flow itself.")
    ] = ""
    text: str
    buttons: list[Any]
    run_id: UUID | None
    created_at: datetime


class ConversationView(_View):
    id: UUID
    session_id: str
    flow_id: UUID
    title: str
    source: str
    created_at: datetime
    updated_at: datetime


class ChatUsage(_View):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None


class ChatAnswer(_View):
    """`path` names the nodes the run went through, in order; `tokens` is the sum of both kinds.

    While a person leads the conversation no run answers: `run_id` may be null then.
    """

    session_id: str
    run_id: UUID | None
    message_id: UUID | None
    response: str
    messages: list[MessageView]
    model: str | None
    usage: ChatUsage
    tokens: int
    cost_usd: float | None
    citations: list[Any]
    path: list[str]
    status: Status
    error: Any
    taken_over: bool = False
