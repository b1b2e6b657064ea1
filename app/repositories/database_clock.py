"""The database's clock: the one that every deadline is kept by, whatever the machines around it think."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession


async def moment(session: AsyncSession) -> datetime:
    found: datetime = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    return found
