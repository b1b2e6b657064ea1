"""When published flows start by the clock."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.models.base import WorkspaceRow, moment, text


class FlowSchedule(WorkspaceRow, table=True):
    """One `trigger.schedule` of a published flow. `next_at` is the next moment it is due."""

    __tablename__ = "flow_schedule"
    __table_args__ = (UniqueConstraint("flow_id", "node"), Index(None, "next_at"))

    flow_id: UUID = Field(foreign_key="flow.id", ondelete="CASCADE")
    version: int
    node: str = text()
    cron: str = text()
    timezone: str = text("UTC")
    catch_up: str = text("none")
    next_at: datetime = moment()
