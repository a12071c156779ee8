"""Questions to the store, and what it forgets."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, null, select, update

from relay.model import Media
from relay.store.tables import inbox, media, outbox, polling_offset, tally, waits


@dataclass(frozen=True, slots=True)
class Counts:
    """What a channel has seen, by (direction, outcome), and what waits now."""

    totals: dict[tuple[str, str], int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  #: Deliveries, by direction.
    oldest: dict[str, float] = field(default_factory=dict)  #: Unix time of the oldest waiting one, by direction.


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


def count(tx: Connection, _now: float, channels: Sequence[str]) -> list[Counts]:
    """Totals and what waits, read in one transaction, so that they add up."""
    return [_count_one(tx, channel) for channel in channels]


def _count_one(tx: Connection, channel: str) -> Counts:
    totals = {
        (row.direction, row.outcome): row.total for row in tx.execute(select(tally).where(tally.c.channel == channel))
    }
    waiting = tx.execute(
        select(outbox.c.direction, func.count(), func.min(outbox.c.accepted_at))
        .where(outbox.c.channel == channel, waits(outbox))
        .group_by(outbox.c.direction)
    ).all()
    return Counts(
        totals,
        {direction: number for direction, number, _ in waiting},
        {direction: oldest for direction, _, oldest in waiting},
    )


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
