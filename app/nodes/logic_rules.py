"""A decision table: rows of a condition, an outcome and a value. Takes the first that holds, or all of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.check.shapes import NULL, TEXT, obj, union
from app.flows.conditions import evaluate
from app.flows.node_type import Condition, Known, Next, NodeType, Params, PortList, Raw, Rendered

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


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """One row with what it gives, or a list of them; no row at all gives null."""
    outputs = [known.of(row.get("output")) for row in params["rows"]]
    if params.get("hit") == "collect":
        return {"type": "array", "items": obj({"outcome": TEXT, "output": union(outputs)})}
    return obj({"outcome": TEXT, "output": union((*outputs, NULL))})


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
    infer=infer,
    starts_with={
        "hit": "first",
        "rows": [{"when": {"left": "", "op": "eq", "right": ""}, "outcome": "yes", "output": None}],
    },
)
