"""Customers who were told that their message waits while Kit cannot be reached, so that each is told once."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "away_notice",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("told_at", sa.Float(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False, comment="the newest delivery of theirs that waited"),
        sa.PrimaryKeyConstraint("channel", "client_id", name=op.f("pk_away_notice")),
    )
