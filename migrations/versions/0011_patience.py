"""Which waits end when something new comes, and since when a delivery has failed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lane",
        sa.Column(
            "backs_off",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="nobody asked for the wait until due_at: what is new, or the side's recovery, ends it",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column("failing_since", sa.Float(), nullable=True, comment="since when attempts that count have failed"),
    )
