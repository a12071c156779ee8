"""What is kept of letters for ever: two hashes of each of Kit's events. What is there already goes part by part."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_event",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False, comment="a hash of channel and event id"),
        sa.Column("body", sa.LargeBinary(length=16), nullable=False, comment="a hash of the body"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_event")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_inbox_blank",
        "inbox",
        ["source", "received_at"],
        unique=False,
        sqlite_where=sa.text("body IS NULL"),
        postgresql_where=sa.text("body IS NULL"),
    )
