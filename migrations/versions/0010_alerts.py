"""Alerts that were raised, so that a restart repeats none; and how the last processes ended."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("over_at", sa.Float(), nullable=True),
        sa.Column("url_told", sa.String(length=8), nullable=False),
        sa.Column("chat_told", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alert")),
    )
    op.create_table(
        "process_run",
        sa.Column("started_at", sa.Float(), nullable=False),
        sa.Column("clean", sa.Boolean(), nullable=False, comment="it ended as it was told to"),
        sa.PrimaryKeyConstraint("started_at", name=op.f("pk_process_run")),
    )
