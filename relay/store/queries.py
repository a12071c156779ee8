"""Questions to the store, and what it forgets."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import bindparam, delete, select

from relay.model import Media
from relay.store.engine.connection import Connection
from relay.store.engine.tables import media, polling_offset


def next_update_id(tx: Connection, _now: float, channels: Sequence[str]) -> list[int]:
    """The polling offset; 0 when there is none yet."""
    rows = tx.execute(_OFFSETS, {"channels": set(channels)})
    known = {row.channel: row.next_update_id for row in rows}
    return [known.get(channel, 0) for channel in channels]


def forget_offset(tx: Connection, _now: float, channels: Sequence[str]) -> list[None]:
    """Let the next poll begin at the head of Telegram's queue, whatever came by webhook meanwhile."""
    tx.execute(_FORGET, {"channels": set(channels)})
    return [None] * len(channels)


def find_media(tx: Connection, _now: float, ids: Sequence[str]) -> list[Media | None]:
    """The file behind a capability, or None."""
    rows = tx.execute(_FILES, {"ids": set(ids)})
    known = {row.id: Media(*row) for row in rows}
    return [known.get(media_id) for media_id in ids]


# Statements are made once: to make one costs more than to run it.
_OF_CHANNELS = polling_offset.c.channel.in_(bindparam("channels", expanding=True))
_OFFSETS = select(polling_offset).where(_OF_CHANNELS)
_FORGET = delete(polling_offset).where(_OF_CHANNELS)
_FILES = select(*[media.c[each.name] for each in fields(Media)]).where(media.c.id.in_(bindparam("ids", expanding=True)))
