"""Go round the body while a condition holds, or until one does; the body's result is the next round's input."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.check.shapes import INTEGER, obj
from app.flows.conditions import evaluate
from app.flows.node_type import Condition, Container, Known, Next, NodeType, Open, Output, Params


class LoopParams(Params):
    """`while` is asked before each round, `until` after it. `input` is the newest result, `iteration` their count."""

    while_: Annotated[Condition | None, Field(alias="while")] = None
    until: Condition | None = None
    max_iterations: Annotated[int, Field(ge=1, le=10_000)] = 100

    @model_validator(mode="after")
    def _one_condition(self) -> "LoopParams":
        if (self.while_ is None) == (self.until is None):
            raise ValueError("give either while or until")
        return self


class LoopOutput(Output):
    last: Any
    iterations: int


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """`until` is asked after a round, so what it ends with is always a body's result."""
    return obj({"last": known.body if "until" in params else known.input, "iterations": INTEGER})


async def run(params: LoopParams, ctx: NodeContext) -> Next | Open:
    result = {"last": ctx.input, "iterations": ctx.rounds}
    if params.while_ is not None and not evaluate(params.while_, ctx.render, "while."):
        return Next("done", result)
    if params.until is not None and ctx.rounds and evaluate(params.until, ctx.render, "until."):
        return Next("done", result)
    if ctx.rounds >= params.max_iterations:
        return Next("exhausted", result)
    return Open(1, again=True)


NODE = NodeType(
    key="logic.loop",
    version=1,
    category="logic",
    icon="refresh-cw",
    effects="none",
    params=LoopParams,
    output=LoopOutput,
    ports=("body", "done", "exhausted"),
    run=run,
    infer=infer,
    container=Container("body", "done"),
    starts_with={"until": {"left": "{{ iteration }}", "op": "gte", "right": 3}, "max_iterations": 10},
)
