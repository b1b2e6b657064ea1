"""Large values of runs, stored once a workspace."""

import sqlalchemy as sa

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_blob_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "sha256", name=op.f("pk_blob")),
    )
    op.create_table(
        "flow_run_blob",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["flow_run.id"], name=op.f("fk_flow_run_blob_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "sha256"],
            ["blob.workspace_id", "blob.sha256"],
            name="fk_flow_run_blob_blob",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "sha256", name=op.f("pk_flow_run_blob")),
    )
    op.create_index(op.f("ix_flow_run_blob_workspace_id_sha256"), "flow_run_blob", ["workspace_id", "sha256"])
    op.add_column("flow_run", sa.Column("blobs", sa.JSON(), nullable=True))


def downgrade() -> None:
    # Runs with large values lose them: their rows cannot hold what stood beside them.
    op.drop_column("flow_run", "blobs")
    op.drop_table("flow_run_blob")
    op.drop_table("blob")
