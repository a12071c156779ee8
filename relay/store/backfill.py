"""Whose the letters are that came before the store noted it: filled in by parts, the newest first, after the start.

Reading a letter is not the store's business: it hands out a part, and is told what was found in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from relay.model import Letter
from relay.store.engine.connection import Connection
from relay.store.engine.tables import backfill, inbox

#: Rows that one part spans: everybody else waits meanwhile.
PART = 200
_NAME = "inbox.client_id"


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Some old letters, by their row's id. Of those without words nobody can say any more whose they are."""

    letters: Mapping[int, Letter]
    next_id: int  #: Where the next part begins; 0: this is the last one.


@dataclass(frozen=True, slots=True)
class Filled:
    """What was found in a part."""

    clients: Mapping[int, str]  #: The client ids, by the row's id.
    next_id: int


def next_unfilled(tx: Connection, _now: float, asked: Sequence[None]) -> list[Unfilled | None]:
    """The next part; None when all is done."""
    newest = tx.scalar(_NEXT)
    if newest is None:
        return [None] * len(asked)
    oldest = max(0, newest - PART)
    letters = {row.id: Letter(*row[1:]) for row in tx.execute(_PART, {"oldest": oldest, "newest": newest})}
    return [Unfilled(letters, oldest)] * len(asked)


def fill(tx: Connection, _now: float, parts: Sequence[Filled]) -> list[None]:
    """Note whose letters are, and go on to the next part."""
    for part in parts:
        if part.clients:
            tx.execute(_FILL, [{"of_id": of, "new_client": client} for of, client in part.clients.items()])
        tx.execute(_GO_ON, {"of_name": _NAME, "new_next_id": part.next_id})
    tx.execute(_END)
    return [None] * len(parts)


_NEXT = select(backfill.c.next_id).where(backfill.c.name == _NAME)
_PART = select(inbox.c.id, inbox.c.channel, inbox.c.source, inbox.c.source_id, inbox.c.body).where(
    inbox.c.id > bindparam("oldest"),
    inbox.c.id <= bindparam("newest"),
    inbox.c.client_id.is_(None),
    inbox.c.body.is_not(None),
)
_FILL = update(inbox).where(inbox.c.id == bindparam("of_id")).values(client_id=bindparam("new_client"))
_GO_ON = update(backfill).where(backfill.c.name == bindparam("of_name")).values(next_id=bindparam("new_next_id"))
_END = delete(backfill).where(backfill.c.name == _NAME, backfill.c.next_id <= 0)
