"""A decision table: rows of a condition, an outcome and a value. Takes the first that holds, or all of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.conditions import evaluate
from app.flows.node_type import Condition, Next, NodeType, Params, PortList, Raw, Rendered

ELSE = "else"


class Row(Params):
    when: Condition
    outcome: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    output: Raw = None


class RulesParams(Params):
    """`first`: the first row that holds. `all`: every outcome that holds is taken, the output is the first one's.

    `collect`: as `all`, and the output is the list of all rows that hold.
    """

    hit: Literal["first", "all", "collect"] = "first"
    rows: Annotated[tuple[Row, ...], Rendered("raw"), Field(min_length=1)]


def output_schema(params: Mapping[str, Any], _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    row = {"type": "object", "properties": {"outcome": {"type": "string"}, "output": {}}}
    return {"type": "array", "items": row} if params.get("hit") == "collect" else row


async def run(params: RulesParams, ctx: NodeContext) -> Next:
    found: list[dict[str, Any]] = []
    for index, row in enumerate(params.rows):
        if evaluate(row.when, ctx.render, f"rows[{index}].when."):
            found.append({"outcome": row.outcome, "output": ctx.render(row.output)})
            if params.hit == "first":
                break
    ports = tuple(dict.fromkeys(each["outcome"] for each in found)) or (ELSE,)
    if params.hit == "collect":
        return Next(ports, found)
    return Next(ports, found[0] if found else {"outcome": ELSE, "output": None})


NODE = NodeType(
    key="logic.rules",
    version=1,
    category="logic",
    icon="table",
    effects="none",
    params=RulesParams,
    output=None,
    ports=(ELSE,),
    run=run,
    port_list=PortList("rows", "outcome", "outcome", repeats=True),
    output_schema=output_schema,
    starts_with={
        "hit": "first",
        "rows": [{"when": {"left": "", "op": "eq", "right": ""}, "outcome": "yes", "output": None}],
    },
)
