"""Prepares the demo workspace: `python -m app.seed`, with DEMO_EMAIL and DEMO_PASSWORD in the environment."""

import asyncio
import os

from app.core.db import dispose, unit_of_work
from app.services.demo import seed_demo


async def seed() -> None:
    async with unit_of_work() as session:
        await seed_demo(session, email=os.environ["DEMO_EMAIL"], password=os.environ["DEMO_PASSWORD"])
    await dispose()


if __name__ == "__main__":
    asyncio.run(seed())
