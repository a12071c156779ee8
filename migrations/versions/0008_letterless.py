"""Deliveries that belong to no letter (notes, parts that were lost) are found by their lane."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_outbox_letterless",
        "outbox",
        ["lane_id", "id"],
        unique=False,
        sqlite_where=sa.text("letter_id IS NULL"),
        postgresql_where=sa.text("letter_id IS NULL"),
    )
