"""How long runs are kept."""

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_run", sa.Column("details_removed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_flow_run_with_details",
        "flow_run",
        ["ended_at"],
        postgresql_where=sa.text("ended_at IS NOT NULL AND details_removed_at IS NULL"),
    )
    op.create_index(
        "ix_flow_run_summary",
        "flow_run",
        ["ended_at"],
        postgresql_where=sa.text("details_removed_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_flow_run_summary", "flow_run")
    op.drop_index("ix_flow_run_with_details", "flow_run")
    op.drop_column("flow_run", "details_removed_at")
