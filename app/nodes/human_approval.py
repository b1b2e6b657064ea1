"""Ask people to approve or reject, with a quorum, a form and a deadline that fires."""

from typing import Annotated, Any

from jsonschema import Draft202012Validator, SchemaError
from pydantic import Field, field_validator

from app.capabilities import NodeContext
from app.flows.deadlines import Seconds, due_in
from app.flows.node_type import Next, NodeType, Output, Params, Suspend, Template


class ApprovalParams(Params):
    """Without `assignees` (e-mails) any member may decide, but not who started the run unless `allow_self`."""

    question: Annotated[Template, Field(min_length=1, json_schema_extra={"widget": "textarea"})]
    assignees: tuple[Template, ...] = ()
    quorum: Annotated[int, Field(ge=1, le=100)] = 1
    form: Annotated[
        dict[str, Any] | None, Field(json_schema_extra={"widget": "schema", "x-advanced": True})
    ] = None
    deadline_s: Seconds = None
    allow_self: Annotated[bool, Field(json_schema_extra={"x-advanced": True})] = False

    @field_validator("form")
    @classmethod
    def _is_a_schema(cls, form: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            Draft202012Validator.check_schema(form or {})
        except SchemaError as error:
            raise ValueError(f"is not a JSON Schema: {error.message[:200]}") from None
        return form


class ApprovalOutput(Output):
    """`decided_by` is the name of the last who decided, null after the deadline; `form` what was filled in."""

    decision: str
    decided_by: str | None
    note: str
    form: Any


async def run(params: ApprovalParams, ctx: NodeContext) -> Suspend:
    asked = {
        "question": params.question,
        "assignees": [each.strip() for each in params.assignees if each.strip()],
        "quorum": params.quorum,
        "form": params.form,
        "allow_self": params.allow_self,
    }
    return Suspend({"kind": "approval", "data": asked, **due_in(ctx.now, params.deadline_s)})


async def resume(_params: ApprovalParams, ctx: NodeContext) -> Next:
    signal = ctx.signal
    if signal.get("kind") == "due":
        return Next("timeout", {"decision": "timeout", "decided_by": None, "note": "", "form": None})
    decision = "approved" if signal.get("decision") == "approved" else "rejected"
    return Next(
        decision,
        {
            "decision": decision,
            "decided_by": signal.get("decided_by"),
            "note": signal.get("note") or "",
            "form": signal.get("form"),
        },
    )


NODE = NodeType(
    key="human.approval",
    version=1,
    category="human",
    icon="user-check",
    effects="idempotent",
    params=ApprovalParams,
    output=ApprovalOutput,
    ports=("approved", "rejected", "timeout"),
    run=run,
    resume=resume,
    starts_with={"question": "{{ input }}", "deadline_s": 86_400},
)
