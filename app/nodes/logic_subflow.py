"""Run another flow as a step: its published version, by number or the latest."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.called_runs import call_failed
from app.flows.check.shapes import TEXT, obj
from app.flows.node_type import Call, Known, Next, NodeType, Params, Suspend, Value


class SubflowParams(Params):
    """Without `wait` the step ends as soon as the called run is recorded; its output is then `{run_id}`."""

    flow: Annotated[str, Field(min_length=1, max_length=80, json_schema_extra={"widget": "flow"})]
    version: Annotated[Literal["latest"] | int, Field(json_schema_extra={"x-advanced": True})] = "latest"
    input: Annotated[Value, Field(json_schema_extra={"widget": "keyvalue"})] = Field(default_factory=dict)
    wait: bool = True


def calls(params: Mapping[str, Any]) -> Call:
    version, waits = params.get("version", "latest"), params.get("wait", True) is not False
    return Call(params.get("flow"), version, params.get("input", {}), "input", waits)


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """What the called flow gives back, as far as that is known here."""
    call = calls(params)
    return known.called(call.flow, call.version) if call.waits else obj({"run_id": TEXT})


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
    raise call_failed(ended)


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
    infer=infer,
    calls=calls,
    starts_with={"flow": "", "input": {}},
)
