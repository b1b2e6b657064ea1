"""What a worker tells those who wait for a run that ended in one go; see `workers.run_journal`."""

from datetime import datetime
from typing import Any

import orjson

from app.models.flow_runs import FlowRun
from app.repositories.flow_runs import Answered
from app.repositories.intake import Stored


def answered(told: bytes) -> Answered:
    """What a chat's answer is made of."""
    found = orjson.loads(told)
    return Answered(
        found["status"],
        found["messages"],
        found["output"],
        found["usage"],
        found["error"],
        datetime.fromisoformat(found["ended_at"]),
        [(kind, node, usage, wait) for kind, node, usage, wait in found["steps"]],
    )


def ended(row: FlowRun, stored: Stored, told: bytes) -> FlowRun:
    """The row of a run as it stands in the database now, from what was stored of it and what is told of its end."""
    found: dict[str, Any] = orjson.loads(told) if told else {}
    row.version, row.parked = stored.version, stored.parked
    for name in ("status", "output", "error", "usage", "messages"):
        if name in found:
            setattr(row, name, found[name])
    for name in ("started_at", "ended_at"):
        if name in found:
            setattr(row, name, datetime.fromisoformat(found[name]))
    return row
