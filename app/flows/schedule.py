"""Moments of cron expressions. A time the clock skips is taken when it goes on; one that comes twice counts once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

LATEST_MISSED = 100


class BadCron(ValueError):
    """The expression cannot be read, or never comes true."""


def next_moment(cron: str, zone: ZoneInfo, after: datetime | None = None) -> datetime:
    """The first moment after `after` (any zone; now where it is not given), in UTC. Raises `BadCron`."""
    start = (after or datetime.now(UTC)).astimezone(zone)
    try:
        found: datetime = next(CronSim(cron, start))
    except CronSimError as error:
        raise BadCron(str(error) or "cannot be read") from None
    except StopIteration:
        raise BadCron("never comes true") from None
    return found.astimezone(UTC)


def missed(cron: str, zone: ZoneInfo, first: datetime, now: datetime) -> list[datetime]:
    """The moments from `first` (one of them) up to now, oldest first; the newest of very many."""
    found = [first]
    while (following := next_moment(cron, zone, found[-1])) <= now:
        found.append(following)
        if len(found) > LATEST_MISSED:
            del found[0]
    return found
