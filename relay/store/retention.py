"""Retention: what the store forgets, in parts."""

from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, delete, exists, literal_column, null, select, tuple_, update

from relay.store.engine.connection import Connection
from relay.store.engine.tables import inbox, message, outbox, rating, unknown_client
from relay.store.known_events import keep_hashes


def forget(tx: Connection, _now: float, befores: Sequence[float]) -> list[int]:
    """Delete a part of what was delivered, said, rated, and of letters' words, from before a Unix time; how many rows.

    Waiting and dead deliveries keep their letters. Of Kit's events hashes stay for ever, so that duplicates are known;
    Telegram repeats nothing after a day, so its letters go.
    """
    bounds = {"before": min(befores), "part": _PART}
    changed = sum(tx.execute(part, bounds).rowcount for part in _PARTS)
    changed += tx.execute(_DELETE_LETTERS, {**bounds, "before": bounds["before"] - _LETTERS_STAY}).rowcount
    changed += keep_hashes(tx, _PART)
    return [changed] * len(befores)


#: Rows of each kind that one transaction forgets at most: everybody else waits meanwhile.
_PART = 100


#: Seconds for which a letter that is not Kit's stays after its body.
_LETTERS_STAY = 48 * 3600.0


_DELETE_DELIVERED = delete(outbox).where(
    outbox.c.id.in_(
        select(outbox.c.id)
        .where(outbox.c.status == literal_column("'delivered'"), outbox.c.settled_at < bindparam("before"))
        .limit(bindparam("part", type_=Integer))
    )
)


_BLANK_LETTERS = (
    update(inbox)
    .where(
        inbox.c.id.in_(
            select(inbox.c.id)
            .where(
                inbox.c.body.is_not(None),
                inbox.c.received_at < bindparam("before"),
                ~exists().where(outbox.c.letter_id == inbox.c.id),
            )
            .limit(bindparam("part", type_=Integer))
        )
    )
    .values(body=null(), client_id=null())
)


_blank = inbox.alias("blank")


_DELETE_LETTERS = delete(inbox).where(
    inbox.c.id.in_(
        select(_blank.c.id)
        .where(
            _blank.c.body.is_(None),
            _blank.c.source.in_(("telegram", "relay")),
            _blank.c.received_at < bindparam("before"),
            ~exists().where(outbox.c.letter_id == _blank.c.id),
        )
        .limit(bindparam("part", type_=Integer))
    )
)


_said = message.alias("said")


_DELETE_SAID = delete(message).where(
    tuple_(message.c.channel, message.c.client_id, message.c.message_id).in_(
        select(_said.c.channel, _said.c.client_id, _said.c.message_id)
        .where(_said.c.said_at < bindparam("before"))
        .limit(bindparam("part", type_=Integer))
    )
)


_asked = rating.alias("asked")


_DELETE_RATINGS = delete(rating).where(
    tuple_(rating.c.channel, rating.c.asked_for).in_(
        select(_asked.c.channel, _asked.c.asked_for)
        .where(_asked.c.asked_at < bindparam("before"))
        .limit(bindparam("part", type_=Integer))
    )
)


_told = unknown_client.alias("told")
_DELETE_UNKNOWN = delete(unknown_client).where(
    tuple_(unknown_client.c.channel, unknown_client.c.client_id).in_(
        select(_told.c.channel, _told.c.client_id)
        .where(_told.c.told_at < bindparam("before"))
        .limit(bindparam("part", type_=Integer))
    )
)


_PARTS = (_DELETE_DELIVERED, _BLANK_LETTERS, _DELETE_SAID, _DELETE_RATINGS, _DELETE_UNKNOWN)
