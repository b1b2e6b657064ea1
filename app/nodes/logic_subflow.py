"""Run another flow as a step: its published version, by number or the latest."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.node_type import ErrorKind, Next, NodeError, NodeType, Params, Suspend, Value


class SubflowParams(Params):
    """Without `wait` the step ends as soon as the called run is recorded; its output is then `{run_id}`."""

    flow: Annotated[str, Field(min_length=1, max_length=80, json_schema_extra={"widget": "flow"})]
    version: Annotated[Literal["latest"] | int, Field(json_schema_extra={"x-advanced": True})] = "latest"
    input: Annotated[Value, Field(json_schema_extra={"widget": "keyvalue"})] = Field(default_factory=dict)
    wait: bool = True


def output_schema(params: Mapping[str, Any], _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the called flow answers is known to that flow alone."""
    if params.get("wait", True):
        return {"title": "output"}
    return {"type": "object", "properties": {"run_id": {"type": "string"}}, "required": ["run_id"]}


async def run(params: SubflowParams, _ctx: NodeContext) -> Suspend:
    asked: dict[str, Any] = {"detach": not params.wait}
    return Suspend(
        {
            "kind": "subflow",
            "flow": params.flow,
            "version": params.version,
            "input": params.input,
            "data": asked,
        }
    )


async def resume(_params: SubflowParams, ctx: NodeContext) -> Next:
    """The called run ended. Raises `subflow.failed` with the kind of its error where it did not succeed."""
    ended = ctx.signal
    if ended.get("status") == "succeeded":
        return Next("out", ended.get("output"), usage=ended.get("usage") or None)
    inner = ended.get("error") or {}
    kind = ErrorKind.CANCELLED if ended.get("status") == "cancelled" else ErrorKind.UPSTREAM
    raise NodeError(
        ErrorKind(inner.get("kind", kind)),
        "subflow.failed",
        run_id=ended.get("id"),
        reason=inner.get("code", ended.get("status")),
        inner=inner.get("node"),
    )


NODE = NodeType(
    key="logic.subflow",
    version=1,
    category="logic",
    icon="workflow",
    effects="idempotent",
    params=SubflowParams,
    output=None,
    ports=("out",),
    run=run,
    resume=resume,
    tool=True,
    output_schema=output_schema,
    starts_with={"flow": "", "input": {}},
)
