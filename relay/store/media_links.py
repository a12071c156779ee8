"""Media links that end: taken back by a person, or after their time."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, bindparam, delete, exists, select

from relay.store.engine.connection import Connection
from relay.store.engine.tables import client_link, media


@dataclass(frozen=True, slots=True)
class MediaLink:
    """A media link."""

    id: str
    file_id: str
    source_type: str | None  #: What the file is converted from for browsers; None: it is handed out as it is.


#: Links that one transaction looks at: everybody else waits meanwhile.
_PAGE = 1000
#: Links that one transaction ends at most: everybody else waits meanwhile.
_PART = 500


def revoke(tx: Connection, _now: float, ids: Sequence[str]) -> list[tuple[str, str | None] | None]:
    """Take links back: the file behind each, and the type that it is converted from; None for a link that is none."""
    gone = tx.execute(delete(media).where(media.c.id.in_(set(ids))).returning(media.c.id, *_FILE))
    files = {row.id: (str(row.file_id), row.source_type) for row in gone}
    return [files.get(media_id) for media_id in ids]


def end_links(tx: Connection, _now: float, befores: Sequence[float]) -> list[int]:
    """End a part of the links that were made before a Unix time; how many. A customer's present picture stays."""
    ended = tx.execute(_END, {"before": min(befores), "part": _PART}).rowcount
    return [ended] * len(befores)


def all_links(tx: Connection, _now: float, afters: Sequence[str]) -> list[list[MediaLink]]:
    """A part of all links, by their ids; from "" on, and from the last one's."""
    return [[MediaLink(*row) for row in tx.execute(_LINKS, {"after": after})] for after in afters]


_FILE = (media.c.file_id, media.c.source_type)
_LINKS = select(media.c.id, *_FILE).where(media.c.id > bindparam("after")).order_by(media.c.id).limit(_PAGE)
_old = media.alias("old")
_END = delete(media).where(
    media.c.id.in_(
        select(_old.c.id)
        .where(
            _old.c.created_at < bindparam("before"),
            ~exists().where(
                client_link.c.channel == _old.c.channel,
                client_link.c.client_id == _old.c.client_id,
                client_link.c.avatar.startswith(_old.c.id),
            ),
        )
        .limit(bindparam("part", type_=Integer))
    )
)
