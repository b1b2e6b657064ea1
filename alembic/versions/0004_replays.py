"""Replays of runs, and their list by workspace."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_run", sa.Column("replay_of", sa.Uuid(), nullable=True))
    op.add_column("flow_run", sa.Column("replay_from", sa.Text(), nullable=False, server_default=""))
    op.alter_column("flow_run", "replay_from", server_default=None)
    op.create_foreign_key(
        op.f("fk_flow_run_replay_of"), "flow_run", "flow_run", ["replay_of"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_flow_run_replay_of"), "flow_run", ["replay_of"])
    op.create_index(op.f("ix_flow_run_workspace_id_created_at"), "flow_run", ["workspace_id", "created_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_flow_run_workspace_id_created_at"), "flow_run")
    op.drop_index(op.f("ix_flow_run_replay_of"), "flow_run")
    op.drop_constraint(op.f("fk_flow_run_replay_of"), "flow_run")
    op.drop_column("flow_run", "replay_from")
    op.drop_column("flow_run", "replay_of")
