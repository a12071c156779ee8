"""What a person needs who looks for a message: whose each letter is, why attempts failed, which delivery said what.

Whose the letters are that are here already is found out after the start, in parts: `backfill` says how far that is.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("client_id", sa.String(length=128), nullable=True, comment="null: nobody's"))
    op.create_index(
        "ix_inbox_client",
        "inbox",
        ["channel", "client_id", "id"],
        unique=False,
        sqlite_where=sa.text("client_id IS NOT NULL"),
    )
    backfill = op.create_table(
        "backfill",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False, comment="this row and those before it are to be filled"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_backfill")),
    )
    inbox = sa.table("inbox", sa.column("id", sa.BigInteger()))
    newest = sa.select(sa.literal("inbox.client_id"), sa.func.max(inbox.c.id)).having(sa.func.count() > 0)
    op.execute(backfill.insert().from_select(["name", "next_id"], newest))
    op.add_column(
        "message", sa.Column("delivery_id", sa.BigInteger(), nullable=True, comment="an agent's: what said it")
    )
    op.create_table(
        "failed_attempt",
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["outbox.id"], name=op.f("fk_failed_attempt_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "reason", name=op.f("pk_failed_attempt")),
        sqlite_with_rowid=False,
    )
    op.add_column(
        "client_link",
        sa.Column(
            "unreachable_told",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="the agent of the open conversation knows it",
        ),
    )
