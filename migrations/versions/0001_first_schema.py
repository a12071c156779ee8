"""The first schema: letters, lanes, deliveries, client links, media, offset and totals."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "client_link",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False, comment="a conversation is open in Kit, as far as we know"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "client_id", name=op.f("pk_client_link")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=128), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.Column("declined", sa.Text(), nullable=True, comment="why nothing is delivered for this letter"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("channel", "source", "source_id", name=op.f("uq_inbox_channel_source_source_id")),
    )
    op.create_index("ix_inbox_bodies", "inbox", ["received_at"], unique=False, sqlite_where=sa.text("body IS NOT NULL"))
    op.create_table(
        "lane",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("due_at", sa.Float(), nullable=True),
        sa.Column("lease", sa.Integer(), server_default="0", nullable=False),
        sa.Column("leased", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lane")),
        sa.UniqueConstraint("channel", "direction", "client_id", name=op.f("uq_lane_channel_direction_client_id")),
    )
    op.create_index(
        "ix_lane_due",
        "lane",
        ["channel", "direction", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND leased IS 0"),
    )
    op.create_table(
        "media",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index("ix_media_client", "media", ["channel", "client_id"], unique=False)
    op.create_table(
        "polling_offset",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("next_update_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_polling_offset")),
    )
    op.create_table(
        "tally",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "direction", "outcome", name=op.f("pk_tally")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column(
            "lane_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="null: the letter could not be read",
        ),
        sa.Column("letter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("steps_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("uncertain", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="what the last failure said"),
        sa.Column("accepted_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float(), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'dead')", name=op.f("ck_outbox_status")),
        sa.ForeignKeyConstraint(["lane_id"], ["lane.id"], name=op.f("fk_outbox_lane_id")),
        sa.ForeignKeyConstraint(["letter_id"], ["inbox.id"], name=op.f("fk_outbox_letter_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_delivered", "outbox", ["settled_at"], unique=False, sqlite_where=sa.text("status = 'delivered'")
    )
    op.create_index("ix_outbox_letter_id", "outbox", ["letter_id"], unique=False)
    op.create_index(
        "ix_outbox_waiting", "outbox", ["lane_id", "id"], unique=False, sqlite_where=sa.text("status = 'waiting'")
    )


def downgrade() -> None:
    raise RuntimeError("downgrades are not supported: restore the backup from before the upgrade")
