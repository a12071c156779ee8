"""Whether Kit gets through: when its last callback was taken, and how many were refused, by the minute."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "callback_record",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("accepted_at", sa.Float(), nullable=True),
        sa.Column("refused_at", sa.Float(), nullable=True, comment="the last one that looked like Kit's"),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_callback_record")),
    )
    op.create_table(
        "refused_callback",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False, comment="Unix time / 60"),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "minute", name=op.f("pk_refused_callback")),
    )
