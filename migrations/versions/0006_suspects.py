"""Suspects: who is charged if the process dies, said by each claim."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lane",
        sa.Column(
            "blame",
            sa.String(length=8),
            nullable=True,
            comment="who is charged if the process dies now: see claiming.py",
        ),
    )
    op.create_index(
        "ix_lane_account",
        "lane",
        ["channel", "direction", "crashes"],
        unique=False,
        sqlite_where=sa.text("crashes > 0"),
    )
