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
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    literal_column,
)

from relay.store.engine.sql import partial_index

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives an INTEGER PRIMARY KEY its row id; PostgreSQL wants eight bytes said aloud. Tables with one have
# sqlite_autoincrement, else the newest row's number is given again when that row is deleted: to others than those who
# remember it (couriers, erasures, notes to agents).
_Id = BigInteger().with_variant(Integer, "sqlite")

#: Letters: what came in. Its source id is what drops duplicates. The body goes after the retention time; then the row,
#: of Kit's at once (see `known_event`), of others two days later.
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
    Column("client_id", String(128), nullable=True, comment="null: nobody's"),
    UniqueConstraint("channel", "source", "source_id"),
    partial_index("ix_inbox_blank", "source", "received_at", where=Column("body").is_(None)),
    partial_index("ix_inbox_bodies", "received_at", where=Column("body").is_not(None)),
    partial_index("ix_inbox_client", "channel", "client_id", "id", where=Column("client_id").is_not(None)),
    sqlite_autoincrement=True,
)

#: What is left of Kit's events for ever, as hashes of 16 bytes: a callback of last year must still do nothing.
known_event = Table(
    "known_event",
    metadata,
    Column("id", LargeBinary(16), primary_key=True, comment="a hash of channel and event id"),
    Column("body", LargeBinary(16), nullable=False, comment="a hash of the body"),
    sqlite_with_rowid=False,
)

#: Columns that are filled in after a migration, a part at a time. A row here goes when that is done.
backfill = Table(
    "backfill",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("next_id", BigInteger, nullable=False, comment="this row and those before it are to be filled"),
)

#: The direction of a lane beside a client's to Telegram: of files whose servers keep them waiting.
LATE_FILES = "to_telegram_late"

#: One client in one direction. `due_at` says when its oldest waiting delivery may be tried; null: nothing waits.
#: A claim is a lease: `lease` counts up, so that what was claimed before can no longer be settled. It ends with the
#: process that holds the database: the next start ends all leases, and charges the death to those that `blame` names.
lane = Table(
    "lane",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("channel", String(32), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("due_at", Float, nullable=True),
    Column("since", Float, nullable=False, server_default="0", comment="when its row of deliveries began to wait"),
    Column("lease", Integer, nullable=False, server_default="0"),
    Column("leased", Boolean, nullable=False, server_default=false()),
    Column("holder", String(32), nullable=True, comment="of a leased one: which of several relays has it"),
    Column("crashes", Integer, nullable=False, server_default="0", comment="deaths of processes on its account"),
    Column(
        "slow_deaths",
        Integer,
        nullable=False,
        server_default="0",
        comment="deaths in a row while its delivery had been out for long: see charging.py",
    ),
    Column("blame", String(8), nullable=True, comment="who is charged if the process dies now: see claiming.py"),
    Column(
        "backs_off",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="nobody asked for the wait until due_at: what is new, or the side's recovery, ends it",
    ),
    Column(
        "paced",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="its customer writes faster than Kit gets it",
    ),
    UniqueConstraint("channel", "direction", "client_id"),
    partial_index(
        "ix_lane_due",
        "channel",
        "direction",
        "due_at",
        where=Column("due_at").is_not(None) & Column("leased", Boolean).is_(False),
    ),
    partial_index("ix_lane_account", "channel", "direction", "crashes", where=Column("crashes") > 0),
    sqlite_autoincrement=True,
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
    Column("failing_since", Float, nullable=True, comment="since when attempts that count have failed"),
    Column("reason", Text, nullable=True, comment="what the last failure said"),
    Column("accepted_at", Float, nullable=False),
    Column("settled_at", Float, nullable=True),
    Column("not_before", Float, nullable=True, comment="an album waits until then for its siblings"),
    Column("album", String(255), nullable=True, comment="what siblings of an album share"),
    Column("parts", Text, nullable=True, comment="an album's parts so far, while it waits for more"),
    Column("address", Text, nullable=True, comment="where to, if not where the client is answered"),
    Column("hasty", Boolean, nullable=False, server_default=false(), comment="it waits for nobody who waits behind it"),
    Column("written_at", Float, nullable=True, comment="when the customer wrote it, by Telegram's clock"),
    CheckConstraint("status IN ('waiting', 'delivered', 'dead')", name="status"),
    # With the time, so that what waits is counted from the index: hundreds of thousands of rows are not read for it.
    partial_index("ix_outbox_waiting", "lane_id", "id", "accepted_at", where=Column("status") == "waiting"),
    partial_index("ix_outbox_delivered", "settled_at", where=Column("status") == "delivered"),
    partial_index("ix_outbox_dead", "channel", "id", where=Column("status") == "dead"),
    Index("ix_outbox_letter_id", "letter_id"),
    partial_index("ix_outbox_letterless", "lane_id", "id", where=Column("letter_id").is_(None)),
    partial_index("ix_outbox_album", "lane_id", "album", where=Column("album").is_not(None)),
    sqlite_autoincrement=True,
)

#: Attempts that failed, of deliveries that are still here: those for the same reason are one row.
failed_attempt = Table(
    "failed_attempt",
    metadata,
    Column("delivery_id", _Id, ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", String(500), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    sqlite_with_rowid=False,
)


def waits(deliveries: FromClause) -> ColumnElement[bool]:
    """Whether a delivery waits. Said with a literal: SQLite uses a partial index only where it can see the value."""
    return deliveries.c.status == literal_column("'waiting'")


#: The mapping of Kit's client id to a Telegram chat, and what is known of the customer. Written when the customer
#: writes; read when an agent answers.
client_link = Table(
    "client_link",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False, comment="a conversation is open in Kit, as far as we know"),
    Column("closed_at", Float, nullable=True),
    Column("created_at", Float, nullable=False),
    Column("business_connection_id", String(255), nullable=True),
    Column("message_thread_id", BigInteger, nullable=True),
    Column("direct_messages_topic_id", BigInteger, nullable=True),
    Column("unreachable", Text, nullable=True, comment="why nothing can be delivered until the customer writes"),
    Column(
        "unreachable_told",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the agent of the open conversation knows it",
    ),
    Column("language", String(64), nullable=False, server_default=""),
    Column("profile", Text, nullable=False, server_default="{}", comment="Kit's client_data but for the id, as JSON"),
    Column("first_touch", Text, nullable=False, server_default="{}", comment="the first utm and page, as JSON"),
    Column("avatar", String(64), nullable=True, comment="of the picture: what follows /media/ in its link"),
    Column("avatar_checked_at", Float, nullable=True),
    Column(
        "loss_told",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="they were told in this conversation that something of theirs was lost",
    ),
    Column("blocked_until", Float, nullable=True, comment="a person has blocked them until then"),
    Column(
        "flood_told",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="they and their agent were told that no more is taken for now",
    ),
    partial_index(
        "ix_client_link_business",
        "channel",
        "business_connection_id",
        where=Column("business_connection_id").is_not(None),
    ),
)

#: What was said, for edits, replies, reactions and deletions to refer to; until the retention time.
message = Table(
    "message",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("message_id", BigInteger, primary_key=True),
    Column("author", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("mark", Text, nullable=False, comment="what sets equal words apart: the files beside them"),
    Column("said_at", Float, nullable=False),
    Column("delivery_id", BigInteger, nullable=True, comment="an agent's: what said it"),
    Index("ix_message_said_at", "said_at"),
    sqlite_with_rowid=False,  # one tree less to write for every message
)

#: Telegram Business accounts that let the bot answer in their name.
business_connection = Table(
    "business_connection",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("id", String(255), primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("user_chat_id", BigInteger, nullable=False),
    Column("rights", Text, nullable=False, comment="Telegram's BusinessBotRights, as JSON"),
    Column("enabled", Boolean, nullable=False),
    Column("updated_at", Float, nullable=False),
)

#: Deep links whose campaign is too long for Telegram's 64 characters: the payload is a code.
deep_link = Table(
    "deep_link",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("code", String(64), primary_key=True),
    Column("touch", Text, nullable=False, comment="utm and page, as JSON"),
    Column("created_at", Float, nullable=False),
)

#: Clients to whom agents wrote though they have never written to the bot, and whose agents were told so; until the
#: retention time.
unknown_client = Table(
    "unknown_client",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("told_at", Float, nullable=False),
    Index("ix_unknown_client_told_at", "told_at"),
)

#: Customers who were told that their message waits while Kit cannot be reached, until it has arrived.
away_notice = Table(
    "away_notice",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("told_at", Float, nullable=False),
    Column("up_to", BigInteger, nullable=False, comment="the newest delivery of theirs that waited"),
)

#: How customers rated closed conversations: one row for each time that they were asked.
rating = Table(
    "rating",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("asked_for", String(128), primary_key=True, comment="derived from the event that closed it"),
    Column("client_id", String(128), nullable=False),
    Column("stars", Integer, nullable=True, comment="1 to 5; null: not rated yet"),
    Column("asked_at", Float, nullable=False),
    Column("rated_at", Float, nullable=True),
    Index("ix_rating_asked_at", "asked_at"),
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
    Column(
        "source_type", String(255), nullable=True, comment="the type at Telegram, if mime_type is converted from it"
    ),
    Column(
        "preview", Text, nullable=True, comment="the file_id of a still picture, if the file cannot be shown itself"
    ),
    Index("ix_media_client", "channel", "client_id"),
)

#: The next update that Telegram is asked for. Telegram drops everything below it.
polling_offset = Table(
    "polling_offset",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("next_update_id", BigInteger, nullable=False),
)

#: Totals that survive restarts and retention: received + revived = delivered + waiting + dead + declined. Each relay
#: counts in rows of its own, else all would wait for each other at every commit; the sum is what counts.
tally = Table(
    "tally",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("direction", String(16), primary_key=True),
    Column("outcome", String(16), primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column(
        "writer",
        String(32),
        primary_key=True,
        server_default="",
        comment="which of several relays; empty: one that has its database alone, or those that are gone",
    ),
)

#: Whether Kit gets through. The refused ones are those that look like Kit's and name a client who is known.
callback_record = Table(
    "callback_record",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("accepted_at", Float, nullable=True),
    Column("refused_at", Float, nullable=True, comment="the last one that looked like Kit's"),
)

#: How many of them, by the minute, for an hour.
refused_callback = Table(
    "refused_callback",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("minute", BigInteger, primary_key=True, comment="Unix time / 60"),
    Column("times", BigInteger, nullable=False),
)

#: What calls for a person, until it is over and everybody who was called knows that.
alert = Table(
    "alert",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("over_at", Float, nullable=True),
    Column("url_told", String(8), nullable=False),
    Column("chat_told", String(8), nullable=False),
)

#: The processes of the last minutes.
process_run = Table(
    "process_run",
    metadata,
    Column("started_at", Float, primary_key=True),
    Column("clean", Boolean, nullable=False, comment="it ended as it was told to"),
)

#: Customers who are being erased. A row here goes when nothing of theirs is left.
erasure = Table(
    "erasure",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("client_id", String(128), primary_key=True),
    Column("asked_at", Float, nullable=False),
    Column("last_letter", BigInteger, nullable=False, comment="what came later is a new customer's"),
    Column("last_delivery", BigInteger, nullable=False, comment="the same"),
)
