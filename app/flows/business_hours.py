"""When people work: opening hours by weekday in a time zone, and the moments they lead to."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from app.flows.node_type import Params, Template

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_RANGE: Final = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)$")
_LOOK_AHEAD_DAYS: Final = 800


def _by_day(value: object) -> object:
    """One range for the working week may be written alone."""
    return dict.fromkeys(DAYS[:5], value) if isinstance(value, str) else value


Range = Annotated[str, Field(pattern=_RANGE.pattern)]


class BusinessHours(Params):
    """`hours`: "09:00-18:00" from Monday to Friday, or one range a day, as {"mon": "09:00-18:00"}.

    A `timezone` is an IANA name; empty is the contact's own, else UTC.
    """

    hours: Annotated[dict[str, Range], BeforeValidator(_by_day)] = Field(
        default_factory=lambda: dict.fromkeys(DAYS[:5], "09:00-18:00"),
        json_schema_extra={"x-template": "value", "widget": "value"},
    )
    timezone: Annotated[Template, Field(max_length=60)] = ""

    @model_validator(mode="after")
    def _known_days(self) -> "BusinessHours":
        unknown = set(self.hours) - set(DAYS)
        if unknown or not self.hours:
            raise ValueError(f"hours need days of {', '.join(DAYS)}")
        if any(_times(text)[0] >= _times(text)[1] for text in self.hours.values()):
            raise ValueError("hours must end after they begin")
        return self


def next_open(hours: Mapping[str, str], zone: ZoneInfo, now: datetime) -> datetime:
    """`now` where it is within the hours, else the moment they begin next. In UTC."""
    day = now.astimezone(zone).date()
    for offset in range(-1, _LOOK_AHEAD_DAYS):
        date = day + timedelta(days=offset)
        text = hours.get(DAYS[date.weekday()])
        if text is None:
            continue
        begin, end = (_moment(datetime.combine(date, time()), each, zone) for each in _times(text))
        if now < end:
            return max(begin, now)
    return now


def after_open_hours(hours: Mapping[str, str], zone: ZoneInfo, now: datetime, amount: timedelta) -> datetime:
    """The moment when so much working time has passed. In UTC."""
    at, left = next_open(hours, zone, now), amount
    while left > timedelta():
        end = _end_of_day(hours, zone, at)
        if end - at >= left:
            return at + left
        left -= end - at
        at = next_open(hours, zone, end)
    return at


def _end_of_day(hours: Mapping[str, str], zone: ZoneInfo, at: datetime) -> datetime:
    local = at.astimezone(zone)
    text = hours[DAYS[local.weekday()]]
    return _moment(datetime.combine(local.date(), time()), _times(text)[1], zone)


def _times(text: str) -> tuple[timedelta, timedelta]:
    found = _RANGE.match(text)
    numbers = [int(each) for each in found.groups()] if found else [0, 0, 0, 0]
    return (
        timedelta(hours=numbers[0], minutes=numbers[1]),
        timedelta(hours=numbers[2], minutes=numbers[3]),
    )


def _moment(midnight: datetime, since: timedelta, zone: ZoneInfo) -> datetime:
    """A wall-clock time of a day. The wall clock counts, so a day with 23 hours still opens at nine."""
    return (midnight + since).replace(tzinfo=zone).astimezone(UTC)
