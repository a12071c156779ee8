"""Several relays on one PostgreSQL: which of them has a lane in its hands, and who they are."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "lane",
        sa.Column("holder", sa.String(32), nullable=True, comment="of a leased one: which of several relays has it"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("duty", "name", type_=sa.String(64))
        op.create_table(
            "replica",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("kind", sa.String(8), nullable=False),
            sa.Column("name", sa.String(128), nullable=False),
            sa.Column("started", sa.DateTime(timezone=True), nullable=False),
            sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        )
