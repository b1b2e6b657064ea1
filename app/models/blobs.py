"""Large values, each stored once a workspace, and the runs that use them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from app.models.base import moment, text


class Blob(SQLModel, table=True):
    """A value of more than 64 KiB as JSON. `size` is in bytes."""

    __tablename__ = "blob"

    workspace_id: UUID = Field(foreign_key="workspace.id", primary_key=True, ondelete="CASCADE")
    sha256: str = text(primary_key=True)
    body: str = text()
    size: int
    created_at: datetime = moment()


class FlowRunBlob(SQLModel, table=True):
    """A run whose row or journal refers to a value. One that no run refers to is deleted."""

    __tablename__ = "flow_run_blob"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "sha256"],
            ["blob.workspace_id", "blob.sha256"],
            name="fk_flow_run_blob_blob",
            ondelete="CASCADE",
        ),
        Index(None, "workspace_id", "sha256"),
    )

    run_id: UUID = Field(foreign_key="flow_run.id", primary_key=True, ondelete="CASCADE")
    sha256: str = text(primary_key=True)
    workspace_id: UUID
