"""Do the body once for each item of a list, several at a time. Results stand in the order of the items."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.check.shapes import ERROR, INTEGER, LIST, obj, properties
from app.flows.conditions import type_of
from app.flows.node_type import Container, ErrorKind, Known, NodeError, NodeType, Open, Output, Params, Value

LONGEST = 10_000


class MapParams(Params):
    """A failed item stops the map, is left out (`skip`), or is listed in `errors` (`collect`).

    With `spread` a large map is done in parts that any worker may take.
    """

    items: Value
    max_parallel: Annotated[int, Field(ge=1, le=100)] = 10
    on_item_error: Literal["stop", "skip", "collect"] = "stop"
    spread: Annotated[bool, Field(json_schema_extra={"x-advanced": True})] = False


class MapOutput(Output):
    """`results` has no place for an item that failed; its error in `errors` has the item's `index`."""

    results: list[Any]
    errors: list[dict[str, Any]]


def infer(_params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    failed = {**ERROR, "properties": {"index": INTEGER, **properties(ERROR)}}
    return obj(
        {"results": {"type": "array", "items": known.body}, "errors": {"type": "array", "items": failed}}
    )


async def run(params: MapParams, _ctx: NodeContext) -> Open:
    if not isinstance(params.items, list | tuple):
        found = type_of(params.items)
        raise NodeError(ErrorKind.INVALID_INPUT, "map.not_a_list", param="items", found=found)
    if len(params.items) > LONGEST:
        raise NodeError(
            ErrorKind.INVALID_INPUT, "map.too_long", param="items", count=len(params.items), limit=LONGEST
        )
    return Open(len(params.items), params.max_parallel, params.on_item_error, spread=params.spread)


NODE = NodeType(
    key="logic.map",
    version=1,
    category="logic",
    icon="repeat",
    effects="none",
    params=MapParams,
    output=MapOutput,
    ports=("item", "done"),
    run=run,
    infer=infer,
    wants=lambda _params: {"items": LIST},
    container=Container("item", "done", lambda params: list(params.items)),
    starts_with={"items": "{{ input.items }}", "max_parallel": 10},
)
