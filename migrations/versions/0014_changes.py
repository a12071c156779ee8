"""Edits and reactions wait a moment for the next one; and when a customer wrote what is delivered."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "outbox",
        sa.Column(
            "hasty",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="it waits for nobody who waits behind it",
        ),
    )
    op.add_column(
        "outbox",
        sa.Column("written_at", sa.Float(), nullable=True, comment="when the customer wrote it, by Telegram's clock"),
    )
