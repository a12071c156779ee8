"""Questions to the store, and what it forgets."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, null, select, update

from relay.model import Media
from relay.store.tables import inbox, media, outbox, polling_offset


def next_update_id(tx: Connection, _now: float, channels: Sequence[str]) -> list[int]:
    """The polling offset; 0 when there is none yet."""
    rows = tx.execute(select(polling_offset).where(polling_offset.c.channel.in_(set(channels))))
    known = {row.channel: row.next_update_id for row in rows}
    return [known.get(channel, 0) for channel in channels]


def find_media(tx: Connection, _now: float, ids: Sequence[str]) -> list[Media | None]:
    """The file behind a capability, or None."""
    columns = (media.c.id, media.c.file_id, media.c.name, media.c.mime_type, media.c.size)
    rows = tx.execute(select(*columns).where(media.c.id.in_(set(ids))))
    known = {row.id: Media(row.id, row.file_id, row.name, row.mime_type, row.size) for row in rows}
    return [known.get(media_id) for media_id in ids]


def forget(tx: Connection, _now: float, befores: Sequence[float]) -> list[int]:
    """Delete what was delivered, and the words of letters, from before a Unix time. Returns how many rows changed.

    Source ids and hashes stay, so that duplicates are still known; waiting and dead deliveries keep their letters.
    """
    before = min(befores)
    gone = tx.execute(delete(outbox).where(outbox.c.status == "delivered", outbox.c.settled_at < before)).rowcount
    needed = select(outbox.c.letter_id).where(outbox.c.letter_id.is_not(None))
    blanked = tx.execute(
        update(inbox)
        .where(inbox.c.received_at < before, inbox.c.body.is_not(None), inbox.c.id.not_in(needed))
        .values(body=null())
    ).rowcount
    return [gone + blanked] * len(befores)
