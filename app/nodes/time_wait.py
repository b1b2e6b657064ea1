"""Wait for a time, until a moment, or for the next working hour. No worker is held meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.business_hours import BusinessHours, after_open_hours, next_open
from app.flows.node_type import ErrorKind, Next, NodeError, NodeType, Params, Suspend, Template, Value
from app.flows.time_zones import zone_of

LONGEST_S = 5 * 366 * 86_400


class Business(BusinessHours):
    """With `wait_hours` so many working hours pass; without, the next working moment is waited for."""

    wait_hours: Annotated[float | None, Field(gt=0, le=10_000)] = None


class WaitParams(Params):
    """One of the three. `until` is a moment in ISO 8601; without a zone it is UTC."""

    for_s: Value = None
    until: Template | None = None
    business: Business | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> "WaitParams":
        if sum(each is not None for each in (self.for_s, self.until, self.business)) != 1:
            raise ValueError("give one of for_s, until and business")
        return self


def _due(params: WaitParams, ctx: NodeContext) -> datetime:
    if params.business is not None:
        zone, hours = zone_of(params.business.timezone, ctx, "business"), params.business.hours
        if params.business.wait_hours is None:
            return next_open(hours, zone, ctx.now)
        return after_open_hours(hours, zone, ctx.now, timedelta(hours=params.business.wait_hours))
    if params.until is not None:
        try:
            moment = datetime.fromisoformat(params.until.strip())
        except ValueError:
            raise NodeError(
                ErrorKind.INVALID_INPUT, "time.not_a_moment", param="until", text=params.until[:80]
            ) from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        seconds = float(params.for_s)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(params.for_s, bool) or not 0 <= seconds <= LONGEST_S:
        raise NodeError(
            ErrorKind.INVALID_INPUT, "time.not_a_duration", param="for_s", text=str(params.for_s)[:80]
        )
    return ctx.now + timedelta(seconds=seconds)


async def run(params: WaitParams, ctx: NodeContext) -> Next | Suspend:
    """A moment that is past is not waited for; a simulated run only says until when it would have waited."""
    due = _due(params, ctx)
    if due <= ctx.now:
        return Next("out", ctx.input)
    if ctx.simulate:
        return Next("out", ctx.input, effects=({"kind": "wait", "until": due.astimezone(UTC).isoformat()},))
    return Suspend({"kind": "time", "due_at": due.astimezone(UTC).isoformat()})


async def resume(_params: WaitParams, ctx: NodeContext) -> Next:
    return Next("out", ctx.input)


NODE = NodeType(
    key="time.wait",
    version=1,
    category="time",
    icon="clock",
    effects="read",
    params=WaitParams,
    output=None,
    ports=("out",),
    run=run,
    resume=resume,
    passes_input=True,
    wants=lambda _params: {"for_s": {"type": ["number", "string"]}},
    starts_with={"for_s": 3600},
)
