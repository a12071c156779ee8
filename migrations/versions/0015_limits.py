"""Customers who are blocked, those who write more than is taken, and lanes that are paced for it."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "client_link",
        sa.Column("blocked_until", sa.Float(), nullable=True, comment="a person has blocked them until then"),
    )
    op.add_column(
        "client_link",
        sa.Column(
            "flood_told",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="they and their agent were told that no more is taken for now",
        ),
    )
    op.add_column(
        "lane",
        sa.Column(
            "paced",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="its customer writes faster than Kit gets it",
        ),
    )
