"""Several relays on one PostgreSQL have one pair of Kit's tokens in common, sealed, and one pace to Telegram."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_table(
            "kit_session",
            sa.Column("channel", sa.String(32), primary_key=True),
            sa.Column("sealed", sa.Text(), nullable=False),
            sa.Column("issued_at", sa.Double(), nullable=False),
        )
        op.add_column("replica", sa.Column("waiting", postgresql.JSONB(), nullable=False, server_default="{}"))
