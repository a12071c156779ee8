"""The schema, once: the statements use it, and Alembic compares the migrations with it in a test.

Everything is keyed by `channel`, the bot's id, so that one database can hold several bots.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives an INTEGER PRIMARY KEY its row id; PostgreSQL wants eight bytes said aloud.
_Id = BigInteger().with_variant(Integer, "sqlite")

#: Letters: what came in. A row stays for ever, since its source id is what drops duplicates; its body goes after
#: the retention time.
inbox = Table(
    "inbox",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("channel", String(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("source_id", String(128), nullable=False),
    Column("body", Text, nullable=True),
    Column("body_sha256", String(64), nullable=False),
    Column("received_at", Float, nullable=False),
    Column("declined", Text, nullable=True, comment="why nothing is delivered for this letter"),
    UniqueConstraint("channel", "source", "source_id"),
    Index("ix_inbox_bodies", "received_at", sqlite_where=Column("body").is_not(None)),
)

#: One client in one direction. `due_at` says when its oldest waiting delivery may be tried; null: nothing waits.
#: A claim is a lease: `lease` counts up, so that what was claimed before can no longer be settled. It ends with the
#: process that holds the database: the next start ends all leases, and counts a crash for each.
lane = Table(
    "lane",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("channel", String(32), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("due_at", Float, nullable=True),
    Column("lease", Integer, nullable=False, server_default="0"),
    Column("leased", Boolean, nullable=False, server_default=false()),
    Column("crashes", Integer, nullable=False, server_default="0"),
    UniqueConstraint("channel", "direction", "client_id"),
    Index(
        "ix_lane_due",
        "channel",
        "direction",
        "due_at",
        sqlite_where=Column("due_at").is_not(None) & Column("leased", Boolean).is_(False),
    ),
)

#: Deliveries: what goes out. A row of status `dead` is a dead letter.
outbox = Table(
    "outbox",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("channel", String(32), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("lane_id", _Id, ForeignKey("lane.id"), nullable=True, comment="null: the letter could not be read"),
    Column("letter_id", _Id, ForeignKey("inbox.id"), nullable=True),
    Column("body", Text, nullable=True),
    Column("status", String(16), nullable=False),
    Column("steps_done", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("uncertain", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=True, comment="what the last failure said"),
    Column("accepted_at", Float, nullable=False),
    Column("settled_at", Float, nullable=True),
    CheckConstraint("status IN ('waiting', 'delivered', 'dead')", name="status"),
    Index("ix_outbox_waiting", "lane_id", "id", sqlite_where=Column("status") == "waiting"),
    Index("ix_outbox_delivered", "settled_at", sqlite_where=Column("status") == "delivered"),
    Index("ix_outbox_letter_id", "letter_id"),
)


def waits(deliveries: FromClause) -> ColumnElement[bool]:
    """Whether a delivery waits. Said with a literal: SQLite uses a partial index only where it can see the value."""
    return deliveries.c.status == literal_column("'waiting'")


#: The mapping of Kit's client id to a Telegram chat. Written when the customer writes; read when an agent answers.
client_link = Table(
    "client_link",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False, comment="a conversation is open in Kit, as far as we know"),
    Column("created_at", Float, nullable=False),
)

#: Capabilities: whoever has the id may open the file.
media = Table(
    "media",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("channel", String(32), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("file_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("mime_type", String(255), nullable=False),
    Column("size", BigInteger, nullable=True),
    Column("created_at", Float, nullable=False),
    Index("ix_media_client", "channel", "client_id"),
)

#: The next update that Telegram is asked for. Telegram drops everything below it.
polling_offset = Table(
    "polling_offset",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("next_update_id", BigInteger, nullable=False),
)

#: Totals that survive restarts and retention: received = delivered + waiting + dead + declined.
tally = Table(
    "tally",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("direction", String(16), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("total", BigInteger, nullable=False),
)
