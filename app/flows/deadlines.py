"""Deadlines of steps that wait for somebody."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

Seconds = Annotated[float | None, Field(gt=0, le=5 * 366 * 86_400)]


def due_in(now: datetime, seconds: float | None) -> dict[str, Any]:
    """The `due_at` of a wait; empty where it has no deadline."""
    if seconds is None:
        return {}
    return {"due_at": (now + timedelta(seconds=seconds)).astimezone(UTC).isoformat()}
