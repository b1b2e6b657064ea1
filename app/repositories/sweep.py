"""Whether the sweeper has anything to do: one look in place of everything it does when there is."""

from sqlalchemy import text

from app.core.statements import at_once

# Each branch finds at least what the sweeper would, by the same partial index.
_ANYTHING = text("""
SELECT EXISTS (
  SELECT FROM flow_run WHERE status IN ('queued', 'running') AND NOT parked
    AND rung_at < clock_timestamp() - make_interval(secs => :patience_s)
    AND (lease_until IS NULL OR lease_until < clock_timestamp())
    AND (hold_until IS NULL OR hold_until <= clock_timestamp())
) OR EXISTS (
  SELECT FROM flow_run WHERE status IN ('queued', 'running')
    AND rung_at > clock_timestamp() + make_interval(secs => :patience_s)
) OR EXISTS (
  SELECT FROM flow_run WHERE NOT settled AND ended_at < clock_timestamp() - interval '1 second'
) OR EXISTS (SELECT FROM flow_run WHERE parked)
  OR EXISTS (SELECT FROM job WHERE due_at <= clock_timestamp())
""")


async def anything(patience_s: float) -> bool:
    """Runs nobody rang for since `patience_s`, ends that were not told, parked runs, or jobs kept back."""
    return bool((await at_once(_ANYTHING, {"patience_s": patience_s}))[0][0])
