"""Questions to the store, and what it forgets."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import delete, select

from relay.model import Media
from relay.store.engine.connection import Connection
from relay.store.engine.tables import media, polling_offset


def next_update_id(tx: Connection, _now: float, channels: Sequence[str]) -> list[int]:
    """The polling offset; 0 when there is none yet."""
    rows = tx.execute(select(polling_offset).where(polling_offset.c.channel.in_(set(channels))))
    known = {row.channel: row.next_update_id for row in rows}
    return [known.get(channel, 0) for channel in channels]


def forget_offset(tx: Connection, _now: float, channels: Sequence[str]) -> list[None]:
    """Let the next poll begin at the head of Telegram's queue, whatever came by webhook meanwhile."""
    tx.execute(delete(polling_offset).where(polling_offset.c.channel.in_(set(channels))))
    return [None] * len(channels)


def find_media(tx: Connection, _now: float, ids: Sequence[str]) -> list[Media | None]:
    """The file behind a capability, or None."""
    columns = [media.c[each.name] for each in fields(Media)]
    rows = tx.execute(select(*columns).where(media.c.id.in_(set(ids))))
    known = {row.id: Media(*row) for row in rows}
    return [known.get(media_id) for media_id in ids]
