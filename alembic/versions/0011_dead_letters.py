"""Dead letters are found among any number of runs.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_DEAD = sa.text(
    "status = 'failed' AND error ->> 'code' IN ('run.crashed_repeatedly', 'step.outcome_unknown')"
)


def upgrade() -> None:
    op.create_index("ix_flow_run_dead", "flow_run", ["workspace_id", "created_at"], postgresql_where=_DEAD)


def downgrade() -> None:
    op.drop_index("ix_flow_run_dead", table_name="flow_run")
