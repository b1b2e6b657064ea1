"""Start when called with typed inputs: by a person, the API, another flow, or as a tool of an agent."""

from collections.abc import Mapping
from typing import Any

from app.capabilities import NodeContext
from app.flows.node_type import Next, NodeType, Params


class CallParams(Params):
    """Nothing to set: the inputs are the flow's own `inputs` schema."""


def output_schema(_params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return inputs


async def run(_params: CallParams, ctx: NodeContext) -> Next:
    return Next("out", ctx.input)


NODE = NodeType(
    key="trigger.call",
    version=1,
    category="trigger",
    icon="play",
    effects="none",
    params=CallParams,
    output=None,
    ports=("out",),
    run=run,
    trigger=True,
    has_input=False,
    passes_input=True,
    output_schema=output_schema,
)
