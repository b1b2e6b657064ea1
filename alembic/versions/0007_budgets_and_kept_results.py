"""Budgets of workspaces and what is spent of them; results of steps that are kept for later runs."""

import sqlalchemy as sa

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("workspace", sa.Column("budget_usd", sa.Float(), nullable=True))
    op.add_column("workspace", sa.Column("budget_calls", sa.BigInteger(), nullable=True))
    op.add_column("workspace", sa.Column("budget_tokens", sa.BigInteger(), nullable=True))
    op.create_table(
        "spending",
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("usd", sa.Float(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_spending_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("workspace_id", "scope", name=op.f("pk_spending")),
    )
    op.create_table(
        "kept_result",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_kept_result_workspace_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_kept_result")),
    )
    op.create_index(op.f("ix_kept_result_workspace_id"), "kept_result", ["workspace_id"])
    op.create_index(op.f("ix_kept_result_expires_at"), "kept_result", ["expires_at"])


def downgrade() -> None:
    op.drop_table("kept_result")
    op.drop_table("spending")
    for column in ("budget_tokens", "budget_calls", "budget_usd"):
        op.drop_column("workspace", column)
