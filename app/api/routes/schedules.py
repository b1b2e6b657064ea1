"""Schedules before they are published: when an expression comes true."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import Caller
from app.auth.permissions import require
from app.services import schedules

router = APIRouter(prefix="/api/schedules", tags=["flows"])


@router.get("/moments")
async def moments(
    caller: Caller,
    cron: Annotated[str, Query(max_length=120)],
    timezone: Annotated[str, Query(max_length=60)] = "UTC",
    count: Annotated[int, Query(ge=1, le=20)] = 3,
) -> list[datetime]:
    """The next moments of a cron expression in a time zone, with that zone's offset."""
    require(caller, "flows:read")
    return schedules.coming(cron, timezone, count)
