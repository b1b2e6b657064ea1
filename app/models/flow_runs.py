"""Runs and their journals. Who drives a run is a lease on its row; what happened is its journal."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, Identity, Index
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from app.models.base import WorkspaceRow, empty_dict, empty_list, moment, text


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


# Failures that are no fault of the flow: a person looks at them and starts the run again.
DEAD: Final = ("run.crashed_repeatedly", "step.outcome_unknown")
# As text, so that the planner sees that a query asks for what the index holds.
IS_DEAD: Final = f"status = 'failed' AND error ->> 'code' IN {DEAD}"


class FlowRun(WorkspaceRow, table=True):
    """One run, pinned to the document of `snapshot_hash`.

    `seq` is the number of its last journal event. `attempts` counts how often a driver took it since its journal
    last grew. `options` are the caller's wishes for model calls. `trigger` is the id of the node that starts.
    `settled` says that whoever waits for this run's end (parent, next in the conversation) was told. Nobody drives it
    before `hold_until`. A run is `parked` while its workspace has as many under way as it may: nobody rings for it until
    one of those ends. Since `details_removed_at` the run has no journal any more. `blobs` says by column which large
    parts of `input`, `scope`, `options`, `output`, `error` and `messages` stand in the table `blob`. A replay names the
    run it was forked from and the node it begins at ("" where it took up everything recorded). `place` is the order in which
    runs were taken in: the database gives it as a run is stored, whatever clock its id is from. Whoever stores a run of
    a conversation holds the conversation, so that none is stored later with a lower place.
    """

    __tablename__ = "flow_run"
    __table_args__ = (
        Index(None, "flow_id", "created_at"),
        Index(None, "workspace_id", "created_at"),
        Index(
            "ix_flow_run_undriven",
            "rung_at",
            postgresql_where=sql("status IN ('queued', 'running')"),
        ),
        Index(
            "ix_flow_run_unsettled",
            "ended_at",
            postgresql_where=sql("NOT settled AND ended_at IS NOT NULL"),
        ),
        Index("ix_flow_run_parked", "workspace_id", "id", postgresql_where=sql("parked")),
        Index("ix_flow_run_running", "workspace_id", postgresql_where=sql("status = 'running'")),
        Index("ix_flow_run_parent", "parent_run_id", postgresql_where=sql("parent_run_id IS NOT NULL")),
        Index("ix_flow_run_replay", "replay_of", postgresql_where=sql("replay_of IS NOT NULL")),
        Index(
            "ix_flow_run_with_details",
            "ended_at",
            postgresql_where=sql("ended_at IS NOT NULL AND details_removed_at IS NULL"),
        ),
        Index("ix_flow_run_summary", "ended_at", postgresql_where=sql("details_removed_at IS NOT NULL")),
        Index("ix_flow_run_dead", "workspace_id", "created_at", postgresql_where=sql(IS_DEAD)),
        Index("ix_flow_run_held", "hold_until", postgresql_where=sql("hold_until IS NOT NULL")),
        Index(
            "ix_flow_run_active_conversation",
            "conversation_id",
            "place",
            postgresql_where=sql("status IN ('queued', 'running', 'waiting')"),
        ),
    )

    # The index by workspace and age serves look-ups by the workspace alone.
    workspace_id: UUID = Field(foreign_key="workspace.id", ondelete="CASCADE")
    flow_id: UUID | None = Field(default=None, foreign_key="flow.id", ondelete="SET NULL")
    snapshot_hash: str = text()
    version: int | None = None
    status: str = text(RunStatus.QUEUED)
    trigger: str = text()
    input: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    scope: dict[str, Any] = Field(default_factory=empty_dict, sa_column=Column(JSON(), nullable=False))
    options: dict[str, Any] = Field(default_factory=empty_dict, sa_column=Column(JSON(), nullable=False))
    output: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    error: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    usage: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    messages: list[Any] = Field(default_factory=empty_list, sa_column=Column(JSON(), nullable=False))
    blobs: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    conversation_id: UUID | None = Field(default=None, foreign_key="conversation.id", ondelete="SET NULL")
    parent_run_id: UUID | None = Field(default=None, foreign_key="flow_run.id", ondelete="CASCADE")
    parent_node: str = text("")
    parent_path: str = text("")
    details_removed_at: datetime | None = moment(nullable=True)
    replay_of: UUID | None = Field(default=None, foreign_key="flow_run.id", ondelete="SET NULL")
    replay_from: str = text("")
    depth: int = 0
    simulate: bool = False
    source: str = text("api")
    created_by: UUID | None = Field(default=None, foreign_key="account.id", ondelete="SET NULL")
    cancel_requested: bool = False
    lease_owner: str | None = text(None, nullable=True)
    lease_until: datetime | None = moment(nullable=True)
    attempts: int = 0
    seq: int = 0
    place: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), nullable=False))
    settled: bool = False
    hold_until: datetime | None = moment(nullable=True)
    parked: bool = False
    rung_at: datetime = moment()
    started_at: datetime | None = moment(nullable=True)
    ended_at: datetime | None = moment(nullable=True)


class FlowRunEvent(SQLModel, table=True):
    """One journal event. The primary key is the last fence: a second driver cannot write the same number."""

    __tablename__ = "flow_run_event"

    run_id: UUID = Field(foreign_key="flow_run.id", primary_key=True, ondelete="CASCADE")
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    event: dict[str, Any] = Field(sa_column=Column(JSON(), nullable=False))
