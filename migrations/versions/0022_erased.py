"""Several relays on one PostgreSQL have one list of who was erased in common, beside the file that each has."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "erased",
            sa.Column("key", sa.String(64), primary_key=True),
            sa.Column("hash", sa.String(64), primary_key=True),
            sa.Column("asked_at", sa.Double(), nullable=False),
        )
