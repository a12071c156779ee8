"""Customers who are being erased, so that a start goes on with what a crash broke off."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("last_letter", sa.BigInteger(), nullable=False),
        sa.Column("last_delivery", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "client_id", name=op.f("pk_erasure")),
    )
