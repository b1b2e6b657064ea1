"""Hand the conversation to a person. The bot is silent until it is given back."""

from typing import Annotated

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.deadlines import Seconds, due_in
from app.flows.node_type import ErrorKind, Next, NodeError, NodeType, Output, Params, Suspend, Template


class TakeoverParams(Params):
    reason: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})] = ""
    assignees: tuple[Template, ...] = ()
    deadline_s: Seconds = None


class TakeoverOutput(Output):
    """Who gave the conversation back; null after the deadline."""

    returned_by: str | None
    note: str


async def run(params: TakeoverParams, ctx: NodeContext) -> Suspend:
    if not isinstance(ctx.scope.get("conversation"), dict):
        raise NodeError(ErrorKind.INVALID_INPUT, "takeover.no_conversation")
    asked = {
        "reason": params.reason,
        "assignees": [each.strip() for each in params.assignees if each.strip()],
    }
    return Suspend({"kind": "takeover", "data": asked, **due_in(ctx.now, params.deadline_s)})


async def resume(_params: TakeoverParams, ctx: NodeContext) -> Next:
    if ctx.signal.get("kind") == "due":
        return Next("timeout", {"returned_by": None, "note": ""})
    by, note = ctx.signal.get("returned_by"), ctx.signal.get("note")
    return Next("returned", {"returned_by": by, "note": note or ""})


NODE = NodeType(
    key="human.takeover",
    version=1,
    category="human",
    icon="headset",
    effects="idempotent",
    params=TakeoverParams,
    output=TakeoverOutput,
    ports=("returned", "timeout"),
    run=run,
    resume=resume,
    starts_with={"reason": "", "deadline_s": 86_400},
)
