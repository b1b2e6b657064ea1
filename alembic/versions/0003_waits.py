"""Waits of runs, the signals that end them, and conversations that people take over."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("conversation", sa.Column("taken_over_at", _MOMENT, nullable=True))
    op.add_column("conversation", sa.Column("taken_over_by", sa.Text(), nullable=False, server_default=""))
    op.alter_column("conversation", "taken_over_by", server_default=None)
    op.add_column("conversation", sa.Column("opted_out_at", _MOMENT, nullable=True))
    op.add_column("message", sa.Column("author", sa.Text(), nullable=False, server_default=""))
    op.alter_column("message", "author", server_default=None)
    op.add_column("flow_run", sa.Column("hold_until", _MOMENT, nullable=True))
    op.create_index(
        "ix_flow_run_held", "flow_run", ["hold_until"], postgresql_where=sa.text("hold_until IS NOT NULL")
    )
    op.create_table(
        "flow_wait",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("flow_id", sa.Uuid(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("resolved_by", sa.Text(), nullable=False),
        sa.Column("resolved_at", _MOMENT, nullable=True),
        sa.Column("detached", sa.Boolean(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspace.id"], name=op.f("fk_flow_wait_workspace_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["flow_run.id"], name=op.f("fk_flow_wait_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flow.id"], name=op.f("fk_flow_wait_flow_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_flow_wait_conversation_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_wait")),
    )
    op.create_index(op.f("ix_flow_wait_workspace_id"), "flow_wait", ["workspace_id"])
    op.create_index(
        "ix_flow_wait_due",
        "flow_wait",
        ["due_at"],
        postgresql_where=sa.text("resolved_at IS NULL AND NOT closed"),
    )
    op.create_index(
        "ix_flow_wait_keys",
        "flow_wait",
        ["keys"],
        postgresql_using="gin",
        postgresql_where=sa.text("NOT closed"),
    )
    op.create_index("ix_flow_wait_run_id", "flow_wait", ["run_id", "node", "path"])
    op.create_index("ix_flow_wait_inbox", "flow_wait", ["workspace_id", "kind", "created_at"])
    op.create_table(
        "flow_signal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["flow_run.id"], name=op.f("fk_flow_signal_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_signal")),
    )
    op.create_index(op.f("ix_flow_signal_run_id_created_at"), "flow_signal", ["run_id", "created_at"])
    op.execute("""
        INSERT INTO flow_wait (id, created_at, workspace_id, run_id, flow_id, node, path, kind, keys, data, answers,
          resolution, resolved_by, detached, closed)
        SELECT gen_random_uuid(), now(), parent.workspace_id, parent.id, parent.flow_id, child.parent_node,
          child.parent_path, 'subflow', '{}', '{}', '[]', '', '', false, false
        FROM flow_run AS child JOIN flow_run AS parent ON parent.id = child.parent_run_id
        WHERE parent.status = 'waiting' AND NOT child.settled
    """)


def downgrade() -> None:
    op.drop_table("flow_signal")
    op.drop_table("flow_wait")
    op.drop_column("flow_run", "hold_until")
    op.drop_column("message", "author")
    for column in ("opted_out_at", "taken_over_by", "taken_over_at"):
        op.drop_column("conversation", column)
