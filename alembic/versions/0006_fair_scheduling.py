"""Runs that wait for their workspace's turn, and fewer indexes to keep for each run.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_run", sa.Column("parked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.alter_column("flow_run", "parked", server_default=None)
    op.create_index(
        "ix_flow_run_parked", "flow_run", ["workspace_id", "id"], postgresql_where=sa.text("parked")
    )
    op.create_index(
        "ix_flow_run_running", "flow_run", ["workspace_id"], postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(
        "ix_flow_run_parent",
        "flow_run",
        ["parent_run_id"],
        postgresql_where=sa.text("parent_run_id IS NOT NULL"),
    )
    op.create_index(
        "ix_flow_run_replay", "flow_run", ["replay_of"], postgresql_where=sa.text("replay_of IS NOT NULL")
    )
    for name in ("ix_flow_run_workspace_id", "ix_flow_run_parent_run_id", "ix_flow_run_replay_of"):
        op.drop_index(name, table_name="flow_run")


def downgrade() -> None:
    op.create_index("ix_flow_run_workspace_id", "flow_run", ["workspace_id"])
    op.create_index("ix_flow_run_parent_run_id", "flow_run", ["parent_run_id"])
    op.create_index("ix_flow_run_replay_of", "flow_run", ["replay_of"])
    for name in ("ix_flow_run_replay", "ix_flow_run_parent", "ix_flow_run_running", "ix_flow_run_parked"):
        op.drop_index(name, table_name="flow_run")
    op.drop_column("flow_run", "parked")
