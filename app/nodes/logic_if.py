"""Take the first case whose condition holds, else `else`. The input goes on unchanged."""

from typing import Annotated

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.conditions import evaluate
from app.flows.node_type import Condition, Next, NodeType, Params, PortList, Rendered

ELSE = "else"


class Case(Params):
    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    name: Annotated[str, Field(max_length=120)] = ""
    when: Condition


class IfParams(Params):
    cases: Annotated[
        tuple[Case, ...], Rendered("raw"), Field(min_length=1, json_schema_extra={"widget": "cases"})
    ]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "IfParams":
        ids = [case.id for case in self.cases]
        if len(set(ids)) != len(ids) or ELSE in ids:
            raise ValueError("case ids must differ from each other and from else")
        return self


async def run(params: IfParams, ctx: NodeContext) -> Next:
    for index, case in enumerate(params.cases):
        if evaluate(case.when, ctx.render, f"cases[{index}].when."):
            return Next(case.id, ctx.input)
    return Next(ELSE, ctx.input)


NODE = NodeType(
    key="logic.if",
    version=1,
    category="logic",
    icon="git-branch",
    effects="none",
    params=IfParams,
    output=None,
    ports=(ELSE,),
    run=run,
    passes_input=True,
    port_list=PortList("cases"),
    starts_with={"cases": [{"id": "yes", "name": "", "when": {"left": "", "op": "eq", "right": ""}}]},
)
