"""Slows down who guesses passwords: failed attempts are counted by address and by host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Unauthenticated
from app.integrations import rate_limits
from app.services.accounts import normalised

WINDOW_S = 300
_FAILURES = 10
_FAILURES_OF_A_HOST = 100


@asynccontextmanager
async def attempt(email: str, host: str) -> AsyncIterator[None]:
    """Wrap one attempt to log in, its transaction included. Raises `TooMany` after too many that failed."""
    by_address, by_host = f"login:{normalised(email)}:{host}", f"login:{host}"
    await rate_limits.refuse_over(_FAILURES, by_address)
    await rate_limits.refuse_over(_FAILURES_OF_A_HOST, by_host)
    try:
        yield
    except Unauthenticated:
        await rate_limits.count(WINDOW_S, by_address, by_host)
        raise
