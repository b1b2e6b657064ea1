"""Send a share of the traffic each way; the same key always goes the same way."""

import hashlib
from typing import Annotated

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.node_type import Next, NodeType, Output, Params, PortList, Template


class Variant(Params):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    name: Annotated[str, Field(max_length=120)] = ""
    weight: Annotated[float, Field(ge=0, le=1_000_000)] = 1


class SplitParams(Params):
    """Without a `sticky_key` every run is drawn anew. `metric` names what the experiment is measured by."""

    variants: Annotated[tuple[Variant, ...], Field(min_length=1)]
    sticky_key: Template = ""
    metric: Annotated[str, Field(max_length=120, json_schema_extra={"x-advanced": True})] = ""

    @model_validator(mode="after")
    def _some_weight(self) -> "SplitParams":
        if not sum(variant.weight for variant in self.variants):
            raise ValueError("at least one variant needs a weight")
        return self


class SplitOutput(Output):
    variant: str


async def run(params: SplitParams, ctx: NodeContext) -> Next:
    """The draw is a hash of node and key, so it needs no memory and outlives any crash."""
    key = params.sticky_key or ctx.idempotency_key
    digest = hashlib.sha256(f"{ctx.node_id}\n{key}".encode()).digest()
    left = int.from_bytes(digest[:8]) / 2**64 * sum(variant.weight for variant in params.variants)
    chosen = params.variants[-1].id
    for variant in params.variants:
        left -= variant.weight
        if left < 0:
            chosen = variant.id
            break
    return Next(chosen, {"variant": chosen})


NODE = NodeType(
    key="logic.split_test",
    version=1,
    category="logic",
    icon="split",
    effects="none",
    params=SplitParams,
    output=SplitOutput,
    ports=(),
    run=run,
    port_list=PortList("variants"),
    starts_with={"variants": [{"id": "a", "weight": 50}, {"id": "b", "weight": 50}], "sticky_key": ""},
)
