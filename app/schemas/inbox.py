"""What people are asked: approvals, tasks and conversations handed to them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

# The last three: the run goes on without an answer, because the step that asked was given up.
ItemStatus = Literal[
    "open", "approved", "rejected", "done", "returned", "timeout", "closed", "retry", "failed",
    "stopped", "late", "out_of_time",
]  # fmt: skip
Kind = Literal["approval", "task", "takeover", "unknown"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Decision(_Body):
    """`form` must fit the approval's own schema when it is approved."""

    decision: Literal["approved", "rejected"]
    note: Annotated[str, Field(max_length=4_000)] = ""
    form: Any = None


class TaskResult(_Body):
    result: Any = None
    note: Annotated[str, Field(max_length=4_000)] = ""


class GiveBack(_Body):
    note: Annotated[str, Field(max_length=4_000)] = ""


class Outcome(_Body):
    """What came of a step nobody knows about: it was `done` (with this output), `retry` it, or let it be `failed`."""

    decision: Literal["done", "retry", "failed"]
    output: Any = None
    note: Annotated[str, Field(max_length=4_000)] = ""


class Word(_Body):
    text: Annotated[str, Field(min_length=1, max_length=32_000)]


class EventBody(_Body):
    """An event for every run of the workspace that waits for one of this kind; their conditions see it as `event`."""

    kind: Literal["webhook", "kommo", "task"] = "webhook"
    event: Any = None


class Delivered(_View):
    runs: list[UUID]


class GivenAnswer(_View):
    by: str
    decision: str
    note: str = ""
    at: datetime


class InboxItem(_View):
    """One thing a person is asked. `may_decide` says whether the reader may; `refusal` is the code why not."""

    id: UUID
    kind: Kind
    status: ItemStatus
    title: str
    description: str
    assignees: list[str]
    quorum: int
    form: dict[str, Any] | None
    parameters: Any
    answers: list[GivenAnswer]
    created_at: datetime
    due_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    may_decide: bool
    refusal: str | None
    run_id: UUID
    flow_id: UUID | None
    flow_name: str
    node: str
    path: str
    conversation_id: UUID | None
    simulate: bool
