"""Makes the demo account of an embedded instance (`DEMO_EMAIL`, `DEMO_PASSWORD`). Doing it again changes nothing."""

import asyncio
import contextlib
import os

from app.core import db
from app.errors import Conflict
from app.services import accounts


async def seed(email: str, password: str) -> None:
    with contextlib.suppress(Conflict):
        async with db.unit_of_work() as session:
            await accounts.sign_up(session, email=email, password=password, name="Demo")
    await db.dispose()


if __name__ == "__main__":
    asyncio.run(seed(os.environ["DEMO_EMAIL"], os.environ["DEMO_PASSWORD"]))
