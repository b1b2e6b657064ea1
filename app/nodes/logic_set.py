"""Assign run or conversation state in order, then build an output (or pass the input on)."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.node_type import ErrorKind, Known, Next, NodeError, NodeType, Params, Raw, Rendered

Target = Annotated[str, Field(pattern=r"^state\.[A-Za-z_][A-Za-z0-9_]{0,59}$")]
Assignments = Annotated[
    dict[Target, Any],
    Rendered("raw"),
    Field(json_schema_extra={"x-template": "value", "widget": "assign"}),
]


class SetParams(Params):
    """An assigned value is any value, `{"plus": n}` or `{"append": value}`."""

    assign: Assignments = Field(default_factory=dict)
    output: Annotated[Raw, Field(json_schema_extra={"widget": "value"})] = None


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """The shape of `output`; the input's where none is given."""
    return known.of(params["output"]) if "output" in params else known.input


def _plus(target: str, old: Any, by: Any) -> Any:
    for number in (old, by):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise NodeError(
                ErrorKind.INVALID_INPUT, "set.not_a_number", param=f"assign.{target}", value=str(number)[:80]
            )
    return old + by


def _assigned(target: str, value: Any, before: Mapping[str, Any], ctx: NodeContext) -> Any:
    """The new value of one target. Counting starts from 0 and a list from [] where the state has no value."""
    name = target.removeprefix("state.")
    old = before.get(name)
    if isinstance(value, Mapping) and len(value) == 1 and "plus" in value:
        return _plus(target, 0 if old is None else old, ctx.render(value["plus"], before))
    if isinstance(value, Mapping) and len(value) == 1 and "append" in value:
        if not isinstance(old, list | tuple | None):
            raise NodeError(ErrorKind.INVALID_INPUT, "set.not_a_list", param=f"assign.{target}")
        return [*(old or ()), ctx.render(value["append"], before)]
    return ctx.render(value, before)


async def run(params: SetParams, ctx: NodeContext) -> Next:
    state: dict[str, Any] = {}
    for target, value in params.assign.items():
        before = {**ctx.scope.get("state", {}), **state}
        state[target.removeprefix("state.")] = _assigned(target, value, before, ctx)
    given = "output" in params.model_fields_set
    return Next("out", ctx.render(params.output, state) if given else ctx.input, state=state)


NODE = NodeType(
    key="logic.set",
    version=1,
    category="logic",
    icon="variable",
    effects="none",
    params=SetParams,
    output=None,
    ports=("out",),
    run=run,
    passes_input=True,
    infer=infer,
    starts_with={"assign": {}},
)
