"""Start by the clock, as a cron expression says, in a time zone."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from app.capabilities import NodeContext
from app.flows.node_type import Next, NodeType, Output, Params
from app.flows.schedule import BadCron, next_moment


class ScheduleParams(Params):
    """`catch_up` says what happens to moments that passed while nothing ran: none, the latest one, or all."""

    cron: Annotated[str, Field(max_length=120, json_schema_extra={"widget": "cron"})]
    timezone: Annotated[str, Field(max_length=60, json_schema_extra={"widget": "zone"})] = "UTC"
    catch_up: Literal["none", "one", "all"] = "none"

    @field_validator("cron")
    @classmethod
    def _is_a_schedule(cls, cron: str) -> str:
        try:
            next_moment(cron, ZoneInfo("UTC"))
        except BadCron as error:
            raise ValueError(f"is no cron expression: {error}") from None
        return cron

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("is no time zone; use a name as Europe/Berlin") from None
        return name


class ScheduleOutput(Output):
    due_at: str


async def run(_params: ScheduleParams, ctx: NodeContext) -> Next:
    given = ctx.input if isinstance(ctx.input, Mapping) else {}
    fields: dict[str, Any] = {"due_at": ctx.now.isoformat()}
    return Next("out", fields | dict(given))


NODE = NodeType(
    key="trigger.schedule",
    version=1,
    category="trigger",
    icon="calendar-clock",
    effects="none",
    params=ScheduleParams,
    output=ScheduleOutput,
    ports=("out",),
    run=run,
    trigger=True,
    has_input=False,
    starts_with={"cron": "0 9 * * 1", "timezone": "UTC"},
)
