"""What comes by itself: deadlines of waits, ends of bursts, schedules. One look tells whether anything is due."""

from typing import NamedTuple

from sqlalchemy import text

from app.core.statements import at_once

_COMING = text("""
SELECT
  (SELECT extract(epoch FROM min(due_at) - clock_timestamp()) FROM flow_wait
    WHERE resolved_at IS NULL AND NOT closed AND NOT detached) AS wait_s,
  (SELECT extract(epoch FROM min(hold_until) - clock_timestamp()) FROM flow_run WHERE hold_until IS NOT NULL) AS hold_s,
  (SELECT extract(epoch FROM min(next_at) - clock_timestamp()) FROM flow_schedule) AS schedule_s
""")


class Coming(NamedTuple):
    """Seconds until the next of each; zero or less when it is due, None when there is none."""

    wait_s: float | None
    hold_s: float | None
    schedule_s: float | None


async def coming() -> Coming:
    row = (await at_once(_COMING, {}))[0]
    return Coming(*(None if each is None else float(each) for each in row))
