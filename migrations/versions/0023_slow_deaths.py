"""Deaths of the relay while a delivery had been out for long are counted: they are no proof, but who has many waits."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lane",
        sa.Column(
            "slow_deaths",
            sa.Integer(),
            nullable=False,
            server_default="0",
            comment="deaths in a row while its delivery had been out for long: see charging.py",
        ),
    )
