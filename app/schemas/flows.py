"""Flows, problems, edits and versions as the API and the pages show them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from app.flows.document import Kind
from app.schemas.accounts import Schema

Json = dict[str, Any]


class ProblemView(Schema):
    """One problem of a flow. `param` is the dotted place inside the node's params, `range` the part of its text."""

    code: str
    severity: Literal["error", "warning"]
    node: str | None
    edge: str | None
    param: str | None
    range: tuple[int, int] | None
    message: str
    context: Json


class FlowSummary(Schema):
    id: UUID
    kind: Kind
    name: str
    description: str
    revision: int
    published_version: int | None
    created_at: datetime
    updated_at: datetime


class FlowView(FlowSummary):
    """A flow with its `flow/1` document and everything that is wrong with it."""

    document: Json
    problems: list[ProblemView]


class FlowPage(Schema):
    items: list[FlowSummary]
    total: int
    limit: int
    offset: int


class CreateBody(Schema):
    """An empty flow of a kind, or one from a template. A whole `flow/1` document is accepted as well."""

    kind: Kind = "agent"
    name: Annotated[str, Field(max_length=120)] = ""
    template: Annotated[str, Field(max_length=80)] = ""


class CheckView(Schema):
    ok: Annotated[bool, Field(description="Whether the flow could be published: no problem is an error.")]
    problems: list[ProblemView]


class OperationBody(Schema):
    """`op_id` is the client's own: sending an operation twice changes nothing.

    `base` is the newest revision its author had seen when it was made; other editors learn by it whom it overtook.
    """

    op_id: Annotated[str, Field(min_length=1, max_length=80)]
    op: Json
    base: Annotated[int | None, Field(ge=0)] = None


class OperationsBody(Schema):
    """Edits by one editor, made on top of `base_revision`.

    With `in_order`, those after one that is rejected are not looked at: they may speak of what it would have made.
    """

    client_id: Annotated[str, Field(min_length=1, max_length=80)]
    base_revision: Annotated[int, Field(ge=0)]
    operations: Annotated[list[OperationBody], Field(max_length=500)]
    in_order: bool = False


class RejectedView(Schema):
    op_id: str
    code: str
    detail: str
    context: Json


class ActorView(Schema):
    id: UUID | None
    name: str


class EditView(Schema):
    """One accepted edit. An `op` a client does not know (such as `document.replace`) means: fetch the document.

    `base` is told to editors that are open, and not kept.
    """

    revision: int
    op_id: str
    client_id: str
    actor: ActorView
    op: Json
    at: datetime
    base: int | None = None


class OperationsView(Schema):
    """What became of the edits, and what others did since `base_revision`.

    `deferred` are those that came after a rejected one and were to stay in order: send them again.
    """

    revision: int
    problems: list[ProblemView]
    accepted: list[str]
    rejected: list[RejectedView]
    deferred: list[str]
    operations: list[EditView]


class EditsView(Schema):
    revision: int
    operations: list[EditView]


class RecentEditsView(Schema):
    """Edits from the newest on. `more`: there are older ones, before the last one's revision."""

    operations: list[EditView]
    more: bool


class PublishBody(Schema):
    """With `require_tests` a version is only made when every test of the flow passes.

    With `accept_breaking` it is made in spite of callers that it breaks or may break.
    """

    require_tests: bool = False
    accept_breaking: bool = False
    note: Annotated[str, Field(max_length=2_000)] = ""


class CallerView(Schema):
    """One document that calls the flow: a draft, a published version, or what `runs` runs under way have pinned.

    `id` is the calling flow's (null for a document that was never stored), `nodes` those of it that rely on what
    changes. `breaks`: they surely fail; else they may.
    """

    id: UUID | None
    name: str
    kind: Literal["draft", "version", "runs"]
    version: int | None
    runs: int
    nodes: list[str]
    breaks: bool


class ConsequenceView(Schema):
    """One thing that publishing does to others. An `error` surely breaks a caller, a `warning` may.

    Those with `needs_acceptance` refuse to publish (409 `flow.breaks_callers`) without `accept_breaking`. `code` is
    `publish.not_callable`, `publish.input_required`, `publish.input_retyped`, `publish.input_removed`,
    `publish.output_removed`, `publish.output_retyped`, `publish.other`, or `publish.runs_wait` (information alone).
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    needs_acceptance: bool
    callers: list[CallerView]
    context: Json


class PublishPreview(Schema):
    """What publishing now would do. `version` is the number the new version would have.

    `problems` are the flow's own (an error forbids publishing) and credentials its workspace lacks.
    """

    version: int
    revision: int
    can_publish: bool
    needs_acceptance: bool
    problems: list[ProblemView]
    consequences: list[ConsequenceView]


class VersionView(Schema):
    version: int
    note: str
    author: str
    revision: int
    semantic_hash: str
    created_at: datetime


class PublishedView(VersionView):
    """The new version, with what was known of it when it was made."""

    problems: list[ProblemView]
    consequences: list[ConsequenceView]


class VersionDocumentView(VersionView):
    document: Json


class ChangeView(Schema):
    """One field that differs. A field that is absent on a side is null there."""

    path: str
    before: Any
    after: Any


class ChangedView(Schema):
    id: str
    changes: list[ChangeView]


class PartsDiffView(Schema):
    added: list[Json]
    removed: list[Json]
    changed: list[ChangedView]


class DiffView(Schema):
    """From one version to another: the flow's own fields, then nodes and edges by id. The layout is left out."""

    before: int | str
    after: int | str
    same_meaning: bool
    flow: list[ChangeView]
    nodes: PartsDiffView
    edges: PartsDiffView
