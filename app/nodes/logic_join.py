"""Go on before every branch is through: with the first that comes, or with a number of them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.node_type import ErrorKind, Join, Next, NodeError, NodeType, Params


class JoinParams(Params):
    """`any` and `first` take what comes first. Late branches run on unheard, or are given up with `cancel`."""

    mode: Literal["any", "first", "n_of_m"] = "any"
    n: Annotated[int | None, Field(ge=1, le=100)] = None
    late: Literal["ignore", "cancel"] = "ignore"

    @model_validator(mode="after")
    def _n_where_it_counts(self) -> "JoinParams":
        if self.mode == "n_of_m" and self.n is None:
            raise ValueError("n_of_m needs n")
        return self


def join(params: Mapping[str, Any]) -> Join:
    needs = params.get("n") if params.get("mode") == "n_of_m" else 1
    return Join(needs if isinstance(needs, int) else 1, params.get("late") == "cancel")


async def run(params: JoinParams, ctx: NodeContext) -> Next:
    needs = (params.n if params.mode == "n_of_m" else 1) or 1
    if len(ctx.sources) < needs:
        raise NodeError(
            ErrorKind.INVALID_INPUT, "join.too_few", param="n", came=len(ctx.sources), needs=needs
        )
    return Next("out", ctx.input)


NODE = NodeType(
    key="logic.join",
    version=1,
    category="logic",
    icon="merge",
    effects="none",
    params=JoinParams,
    output=None,
    ports=("out",),
    run=run,
    passes_input=True,
    join=join,
    starts_with={"mode": "first"},
)
