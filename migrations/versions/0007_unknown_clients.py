"""Clients to whom agents write though they have never written to the bot, so that agents are told once."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unknown_client",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("told_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "client_id", name=op.f("pk_unknown_client")),
    )
    op.create_index("ix_unknown_client_told_at", "unknown_client", ["told_at"], unique=False)
