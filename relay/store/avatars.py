"""Customers' pictures: whose is to be looked up, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from relay.model import Media
from relay.store.engine.connection import Connection, Row
from relay.store.engine.tables import client_link, media


@dataclass(frozen=True, slots=True)
class Question:
    """Whether a client's picture was looked up since a Unix time."""

    channel: str
    client_id: str
    since: float


@dataclass(frozen=True, slots=True)
class Avatar:
    """What was found when a client's picture was looked up."""

    channel: str
    client_id: str
    picture: Media | None  #: Its id is taken when the client has no picture yet; None: nobody may see one.
    known: bool = True  #: False: it could not be found out, and everything stays as it is.


def whose_avatar(tx: Connection, _now: float, questions: Sequence[Question]) -> list[int | None]:
    """The Telegram user whose picture is to be looked up; None: it is fresh, or the client has no chat of their own."""
    answers: list[int | None] = []
    for question in questions:
        link = _link(tx, question.channel, question.client_id)
        due = link is not None and (link.avatar_checked_at is None or link.avatar_checked_at <= question.since)
        # A private chat has its user's id; groups and channels have negative ones.
        answers.append(link.chat_id if link is not None and due and link.chat_id > 0 else None)
    return answers


def keep_avatar(tx: Connection, now: float, avatars: Sequence[Avatar]) -> list[None]:
    """Keep what was found. A client has one capability for all pictures in turn; its link's name tells them apart.

    So a link that Kit has already shows the newest picture, and without a picture opens nothing any more.
    """
    for avatar in avatars:
        link = _link(tx, avatar.channel, avatar.client_id)
        if link is not None:
            path = _keep(tx, now, avatar, link.avatar) if avatar.known else link.avatar
            tx.execute(_NOTE, {**_key(avatar.channel, avatar.client_id), "path": path, "now": now})
    return [None] * len(avatars)


def _keep(tx: Connection, now: float, avatar: Avatar, path: str | None) -> str | None:
    """Keep the picture, or that there is none; what follows /media/ in its link."""
    known, found = (path or "").partition("/")[0], avatar.picture
    if found is None:
        tx.execute(_DROP, {"of_id": known})
        return None
    values = {"file_id": found.file_id, "name": found.name, "mime_type": found.mime_type, "size": found.size}
    if known and tx.execute(_REPLACE, {"of_id": known, **values}).rowcount:
        return f"{known}/{found.name}"
    owner = {"channel": avatar.channel, "client_id": avatar.client_id}
    tx.execute(_INSERT, {"id": found.id, **owner, **values, "created_at": now})
    return f"{found.id}/{found.name}"


def _link(tx: Connection, channel: str, client_id: str) -> Row | None:
    return tx.execute(_LINK, _key(channel, client_id)).first()


def _key(channel: str, client_id: str) -> dict[str, str]:
    return {"of_channel": channel, "of_client": client_id}


_of_client = (client_link.c.channel == bindparam("of_channel"), client_link.c.client_id == bindparam("of_client"))
_LINK = select(client_link.c.chat_id, client_link.c.avatar, client_link.c.avatar_checked_at).where(*_of_client)
_NOTE = update(client_link).where(*_of_client).values(avatar=bindparam("path"), avatar_checked_at=bindparam("now"))
_DROP = delete(media).where(media.c.id == bindparam("of_id"))
_REPLACE = (
    update(media)
    .where(media.c.id == bindparam("of_id"))
    .values({name: bindparam(name) for name in ("file_id", "name", "mime_type", "size")})
)
_INSERT = insert(media)
