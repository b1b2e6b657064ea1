"""One message of a sequence: sent within its window, then a wait for the reply that stops it."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.business_hours import BusinessHours, next_open
from app.flows.deadlines import due_in
from app.flows.node_type import Next, NodeError, NodeType, Output, Params, Suspend, Template
from app.flows.time_zones import zone_of

_OPT_OUT = re.compile(r"^\W*(stop|unsubscribe|стоп|отписаться|отпишите|не пишите)\W*$", re.IGNORECASE)


class StepParams(Params):
    """Sent at once, or when the `window` opens; then `wait_s` for a reply before it leaves by `timeout`."""

    text: Annotated[Template, Field(min_length=1, json_schema_extra={"widget": "textarea"})]
    window: BusinessHours | None = None
    wait_s: Annotated[float, Field(gt=0, le=366 * 86_400)] = 86_400
    stop_on_reply: Annotated[bool, Field(json_schema_extra={"x-advanced": True})] = True


class StepOutput(Output):
    """`reply` is what the contact wrote, else null; `reason` the error's code on the `failed` port."""

    message_id: str | None
    reply: str | None
    reason: str | None = None


async def run(params: StepParams, ctx: NodeContext) -> Next | Suspend:
    if await ctx.channel.opted_out():
        return Next("opted_out", {"message_id": None, "reply": None})
    if params.window is not None:
        opens = next_open(params.window.hours, zone_of(params.window.timezone, ctx, "window"), ctx.now)
        if opens > ctx.now and not ctx.simulate:
            wait: Any = {"kind": "sequence", "listens": ["reply"], "due_at": opens.isoformat()}
            return Suspend({**wait, "data": {"phase": "window", "text": params.text}})
    return await _send(params, ctx)


async def resume(params: StepParams, ctx: NodeContext) -> Next | Suspend:
    """The window opened, the contact wrote, or the time for a reply is over."""
    data = ctx.wait.get("data") or {}
    if ctx.signal.get("kind") == "due":
        if data.get("phase") == "window":
            return await run(params, ctx)
        return Next("timeout", {"message_id": data.get("message_id"), "reply": None})
    value = ctx.signal.get("value")
    said = str(value.get("message", "")) if isinstance(value, Mapping) else str(value or "")
    output = {"message_id": data.get("message_id"), "reply": said}
    if _OPT_OUT.match(said):
        await ctx.channel.opt_out()
        return Next("opted_out", output)
    if params.stop_on_reply:
        return Next("replied", output)
    again: Any = {name: ctx.wait[name] for name in ("kind", "listens", "due_at", "data") if name in ctx.wait}
    return Suspend(again)


async def _send(params: StepParams, ctx: NodeContext) -> Next | Suspend:
    try:
        message = await ctx.channel.send(params.text)
    except NodeError as error:
        if error.kind.retryable:
            raise
        return Next("failed", {"message_id": None, "reply": None, "reason": error.code})
    if ctx.simulate:
        return Next("timeout", {"message_id": message["id"], "reply": None}, messages=(message,))
    data = {"phase": "reply", "text": params.text, "message_id": message["id"]}
    wait: Any = {"kind": "sequence", "listens": ["reply"], "data": data, **due_in(ctx.now, params.wait_s)}
    return Suspend(wait, messages=(message,))


NODE = NodeType(
    key="sequence.step",
    version=1,
    category="channel",
    icon="list-ordered",
    effects="idempotent",
    params=StepParams,
    output=StepOutput,
    ports=("replied", "timeout", "opted_out", "failed"),
    run=run,
    resume=resume,
    starts_with={"text": "{{ input }}", "wait_s": 86_400},
)
