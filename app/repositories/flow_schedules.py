"""Schedules of published flows. The ticker belongs to no workspace, so it reads all of them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models.flow_schedules import FlowSchedule


async def of_flow(session: AsyncSession, flow_id: UUID) -> Sequence[FlowSchedule]:
    query = select(FlowSchedule).where(col(FlowSchedule.flow_id) == flow_id)
    return (await session.scalars(query.with_for_update())).all()


async def due(session: AsyncSession, limit: int) -> Sequence[FlowSchedule]:
    """Schedules whose moment has come, held; those another process holds are passed over."""
    query = (
        select(FlowSchedule)
        .where(col(FlowSchedule.next_at) <= func.clock_timestamp())
        .order_by(col(FlowSchedule.next_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(query)).all()
