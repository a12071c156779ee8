"""Events of Kit's that were taken once, long after their letters are gone: a signature has no date.

Whoever kept a callback from last year can send it again; its id says that it has had its effect. All that is kept of it
are two hashes: of the id, and of the body, which tells a repetition from a forgery.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Integer, bindparam, delete, exists, select

from relay.store.engine.connection import Connection, Row
from relay.store.engine.sql import insert
from relay.store.engine.tables import inbox, known_event, outbox

#: Bytes of each hash.
_SIZE = 16


def keep_hashes(tx: Connection, part: int) -> int:
    """Keep the hashes of some events in place of their letters, which have lost their bodies; how many."""
    rows = tx.execute(_BLANK, {"part": part})
    if rows:
        tx.execute(_KEEP, [_hashes(row) for row in rows])
        tx.execute(_DELETE, {"ids": [row.id for row in rows]})
    return len(rows)


def find_known(tx: Connection, events: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Of these events (channel and id), those whose hashes are kept: the bodies' hashes."""
    ids = {id_hash(*event): event for event in events}
    return {ids[row.id]: row.body for row in tx.execute(_FIND, {"ids": list(ids)})}


def id_hash(channel: str, event_id: str) -> bytes:
    """What is kept of an event's id."""
    return hashlib.blake2b(f"{channel}\0{event_id}".encode("utf-8", "surrogatepass"), digest_size=_SIZE).digest()


def body_hash(sha256: str) -> bytes:
    """What is kept of a body, of which this is the hash in full."""
    return bytes.fromhex(sha256)[:_SIZE]


def _hashes(row: Row) -> dict[str, bytes]:
    return {"id": id_hash(row.channel, row.source_id), "body": body_hash(row.body_sha256)}


_BLANK: Any = (
    select(inbox.c.id, inbox.c.channel, inbox.c.source_id, inbox.c.body_sha256)
    .where(inbox.c.body.is_(None), inbox.c.source == "kit", ~exists().where(outbox.c.letter_id == inbox.c.id))
    .limit(bindparam("part", type_=Integer))
)
_KEEP = insert(known_event).on_conflict_do_nothing()
_DELETE = delete(inbox).where(inbox.c.id.in_(bindparam("ids", expanding=True)))
_FIND = select(known_event.c.id, known_event.c.body).where(known_event.c.id.in_(bindparam("ids", expanding=True)))
