"""Give a task to a person or to an agent, and wait for its result or go on."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.called_runs import call_failed
from app.flows.check.shapes import ANYTHING, NULL, TEXT, obj, union
from app.flows.deadlines import Seconds, due_in
from app.flows.node_type import (
    Call,
    Known,
    Next,
    NodeType,
    Output,
    Params,
    Suspend,
    Template,
    Value,
)


class TaskParams(Params):
    """`agent` is a flow that does the task; else it waits for one of the `assignees` (any member if none)."""

    title: Annotated[Template, Field(min_length=1)]
    description: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})] = ""
    agent: Annotated[str | None, Field(json_schema_extra={"widget": "flow", "x-advanced": True})] = None
    assignees: tuple[Template, ...] = ()
    parameters: Annotated[Value, Field(json_schema_extra={"widget": "keyvalue"})] = Field(
        default_factory=dict
    )
    wait: bool = True
    deadline_s: Seconds = None

    @model_validator(mode="after")
    def _one_who_does_it(self) -> "TaskParams":
        if self.agent and self.assignees:
            raise ValueError("give the task to an agent or to people, not to both")
        return self


class TaskOutput(Output):
    """`result` is null while nobody waited for it, or when the deadline passed."""

    task_id: str
    result: Any


def calls(params: Mapping[str, Any]) -> Call | None:
    """An agent is a flow: it is told the task as a message."""
    if not params.get("agent"):
        return None
    message = f"{params.get('title', '')}\n\n{params.get('description', '')}"
    said = {"message": message, "parameters": params.get("parameters", {})}
    return Call(params["agent"], "latest", said, "agent", params.get("wait", True) is not False)


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """A person answers anything, an agent what its flow gives back."""
    call = calls(params)
    result = union((known.called(call.flow, call.version), NULL)) if call else ANYTHING
    return obj({"task_id": TEXT, "result": result})


async def run(params: TaskParams, ctx: NodeContext) -> Next | Suspend:
    deadline = due_in(ctx.now, params.deadline_s)
    if params.agent:
        said = {"message": f"{params.title}\n\n{params.description}".strip(), "parameters": params.parameters}
        asked: Any = {
            "kind": "subflow",
            "flow": params.agent,
            "version": "latest",
            "input": said,
            "data": {"detach": not params.wait},
        }
        return Suspend({**asked, **deadline})
    task = {
        "title": params.title,
        "description": params.description,
        "assignees": [each.strip() for each in params.assignees if each.strip()],
        "parameters": params.parameters,
    }
    if params.wait:
        return Suspend({"kind": "task", "data": task, **deadline})
    output = {"task_id": ctx.idempotency_key, "result": None}
    return Next("done", output, tasks=({"id": ctx.idempotency_key, **task},))


async def resume(_params: TaskParams, ctx: NodeContext) -> Next:
    signal = ctx.signal
    task_id = str(signal.get("id") or ctx.idempotency_key)
    if signal.get("kind") == "due":
        return Next("timeout", {"task_id": task_id, "result": None})
    if signal.get("kind") == "ended" and signal.get("status") != "succeeded":
        raise call_failed(signal)
    result = signal.get("output") if signal.get("kind") == "ended" else signal.get("result")
    return Next("done", {"task_id": task_id, "result": result}, usage=signal.get("usage"))


NODE = NodeType(
    key="human.task",
    version=1,
    category="human",
    icon="clipboard-list",
    effects="idempotent",
    params=TaskParams,
    output=TaskOutput,
    ports=("done", "timeout"),
    run=run,
    resume=resume,
    infer=infer,
    calls=calls,
    tool=True,
    starts_with={"title": "{{ input }}", "wait": True, "deadline_s": 86_400},
)
