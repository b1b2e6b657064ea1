"""Time, randomness and ids. Everything that needs one asks here, so that tests can hold time still."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

_held: datetime | None = None


def now() -> datetime:
    """The moment, in UTC."""
    return _held or datetime.now(UTC)


def since(moment: datetime) -> Callable[[], datetime]:
    """A clock that shows `moment` now and goes on evenly, whatever is done to the clock of this machine."""
    began = time.monotonic()
    return lambda: moment + timedelta(seconds=time.monotonic() - began)


@contextmanager
def held(moment: datetime) -> Iterator[None]:
    """Let `now` answer `moment` in this process. For tests."""
    global _held
    before, _held = _held, moment
    try:
        yield
    finally:
        _held = before


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): milliseconds, 12 bits of the millisecond's fraction, 62 random bits."""
    nanoseconds = time.time_ns()
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62
    return UUID(int=value | secrets.randbits(62))


def token(size: int = 32) -> str:
    """`size` random bytes as text that is safe in a URL, a header and a cookie."""
    return secrets.token_urlsafe(size)
