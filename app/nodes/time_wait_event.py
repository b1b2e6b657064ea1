"""Wait for one of several events: a reply, a webhook, a change in the CRM, a finished task."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.conditions import evaluate
from app.flows.deadlines import Seconds, due_in
from app.flows.node_type import Condition, Next, NodeType, Params, PortList, Rendered, Suspend


class AwaitedEvent(Params):
    """`match` sees the event as `event`; without it any event of the kind will do."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    kind: Literal["reply", "webhook", "kommo", "task"] = "reply"
    match: Condition | None = None


class WaitEventParams(Params):
    events: Annotated[tuple[AwaitedEvent, ...], Rendered("raw"), Field(min_length=1, max_length=20)]
    deadline_s: Seconds = None


async def run(params: WaitEventParams, ctx: NodeContext) -> Suspend:
    kinds = sorted({event.kind for event in params.events})
    return Suspend({"kind": "event", "listens": kinds, **due_in(ctx.now, params.deadline_s)})


async def resume(params: WaitEventParams, ctx: NodeContext) -> Next | Suspend:
    """The first event that fits. One that fits none is waited past, without moving the deadline."""
    if ctx.signal.get("kind") == "due":
        return Next("timeout", {"event": None})
    value = ctx.signal.get("value")
    for index, event in enumerate(params.events):
        if event.kind != ctx.signal.get("source"):
            continue
        if event.match is None or evaluate(event.match, _render(ctx, value), f"events[{index}].match."):
            return Next(event.id, value)
    waited: Any = {name: ctx.wait[name] for name in ("kind", "listens", "due_at") if name in ctx.wait}
    return Suspend(waited)


def _render(ctx: NodeContext, value: Any) -> Any:
    return lambda raw: ctx.render(raw, event=value)


NODE = NodeType(
    key="time.wait_event",
    version=1,
    category="time",
    icon="bell",
    effects="read",
    params=WaitEventParams,
    output=None,
    ports=("timeout",),
    run=run,
    resume=resume,
    names=("event",),
    port_list=PortList("events", "id", "id"),
    output_schema=lambda _params, _inputs: {"title": "event"},
    starts_with={"events": [{"id": "reply", "kind": "reply"}], "deadline_s": 86_400},
)
