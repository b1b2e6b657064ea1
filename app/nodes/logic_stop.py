"""End the run here: as a success, a failure or cancelled. Whatever still runs is cancelled."""

from typing import Annotated, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.node_type import NodeType, Params, Stop, Template


class StopParams(Params):
    outcome: Literal["succeeded", "failed", "cancelled"] = "succeeded"
    message: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})] = ""


async def run(params: StopParams, _ctx: NodeContext) -> Stop:
    return Stop(params.outcome, params.message)


NODE = NodeType(
    key="logic.stop",
    version=1,
    category="logic",
    icon="octagon-x",
    effects="none",
    params=StopParams,
    output=None,
    ports=(),
    run=run,
    output_schema=lambda _params, _inputs: {"type": "null"},
    starts_with={"outcome": "succeeded"},
)
