"""Memory: what is known of a client and was said before, albums that wait, Business accounts, deep links, ratings."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("business_connection_id", sa.String(length=255), nullable=True),
        sa.Column("message_thread_id", sa.BigInteger(), nullable=True),
        sa.Column("direct_messages_topic_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "unreachable", sa.Text(), nullable=True, comment="why nothing can be delivered until the customer writes"
        ),
        sa.Column("language", sa.String(length=64), server_default="", nullable=False),
        sa.Column(
            "profile",
            sa.Text(),
            server_default="{}",
            nullable=False,
            comment="Kit's client_data but for the id, as JSON",
        ),
        sa.Column(
            "first_touch",
            sa.Text(),
            server_default="{}",
            nullable=False,
            comment="the first utm and page, as JSON",
        ),
        sa.Column(
            "avatar",
            sa.String(length=64),
            nullable=True,
            comment="of the picture: what follows /media/ in its link",
        ),
        sa.Column("avatar_checked_at", sa.Float(), nullable=True),
    ):
        op.add_column("client_link", column)
    op.create_index(
        "ix_client_link_business",
        "client_link",
        ["channel", "business_connection_id"],
        unique=False,
        sqlite_where=sa.text("business_connection_id IS NOT NULL"),
    )
    for column in (
        sa.Column("not_before", sa.Float(), nullable=True, comment="an album waits until then for its siblings"),
        sa.Column("album", sa.String(length=255), nullable=True, comment="what siblings of an album share"),
        sa.Column("parts", sa.Text(), nullable=True, comment="an album's parts so far, while it waits for more"),
        sa.Column("address", sa.Text(), nullable=True, comment="where to, if not where the client is answered"),
    ):
        op.add_column("outbox", column)
    op.add_column(
        "lane",
        sa.Column(
            "since",
            sa.Float(),
            server_default="0",
            nullable=False,
            comment="when its row of deliveries began to wait",
        ),
    )
    for column in (
        sa.Column(
            "source_type",
            sa.String(length=255),
            nullable=True,
            comment="the type at Telegram, if mime_type is converted from it",
        ),
        sa.Column(
            "preview",
            sa.Text(),
            nullable=True,
            comment="the file_id of a still picture, if the file cannot be shown itself",
        ),
    ):
        op.add_column("media", column)
    op.create_index(
        "ix_outbox_album", "outbox", ["lane_id", "album"], unique=False, sqlite_where=sa.text("album IS NOT NULL")
    )
    op.create_index(
        "ix_outbox_dead", "outbox", ["channel", "id"], unique=False, sqlite_where=sa.text("status = 'dead'")
    )
    op.create_table(
        "message",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False, comment="what sets equal words apart: the files beside them"),
        sa.Column("said_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "client_id", "message_id", name=op.f("pk_message")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_said_at", "message", ["said_at"], unique=False)
    op.create_table(
        "business_connection",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("user_chat_id", sa.BigInteger(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False, comment="Telegram's BusinessBotRights, as JSON"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "id", name=op.f("pk_business_connection")),
    )
    op.create_table(
        "deep_link",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("touch", sa.Text(), nullable=False, comment="utm and page, as JSON"),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "code", name=op.f("pk_deep_link")),
    )
    op.create_table(
        "rating",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("asked_for", sa.String(length=128), nullable=False, comment="derived from the event that closed it"),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=True, comment="1 to 5; null: not rated yet"),
        sa.Column("asked_at", sa.Float(), nullable=False),
        sa.Column("rated_at", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "asked_for", name=op.f("pk_rating")),
    )
    op.create_index("ix_rating_asked_at", "rating", ["asked_at"], unique=False)
