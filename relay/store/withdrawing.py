"""What waits for siblings and comes to nothing: a reaction that is taken back before anybody could see it.

Nothing is sent for it, so it ends as what was declined, like the letters that made it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, delete, exists, null, select, update

from relay.model import REACTIONS
from relay.store.engine.connection import Connection
from relay.store.engine.sql import keys, listed
from relay.store.engine.tables import inbox, lane, outbox, waits
from relay.store.totals import Totals


def withdraw(tx: Connection, wanted: Mapping[int, str], totals: Totals) -> None:
    """Take back deliveries, by their ids, for these reasons; and count them. One that has left meanwhile stays."""
    if not wanted:
        return
    rows = tx.execute(_WITHDRAW, {"ids": list(wanted)})
    for row in rows:
        totals[row.channel, row.direction, "declined"] += 1
    if letters := [{"of_id": row.letter_id, "reason": wanted[row.id]} for row in rows if row.letter_id is not None]:
        tx.execute(_DECLINE, letters)
    if lanes := {row.lane_id for row in rows}:
        tx.execute(_REST, {"lane_ids": list(lanes)})


def waiting_reactions(tx: Connection, clients: Iterable[tuple[str, str]]) -> list[int]:
    """The ids of reactions of these clients (channel, client id) that wait to leave."""
    lanes = keys((channel, "to_kit", client_id) for channel, client_id in clients)
    return list(tx.scalars(_REACTIONS, {"wanted": lanes}))


def decline(tx: Connection, reasons: list[dict[str, Any]]) -> None:
    """Write why nothing is delivered for letters: `of_id` and `reason` of each."""
    if reasons:
        tx.execute(_DECLINE, reasons)


_WITHDRAW = (
    delete(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)), waits(outbox), outbox.c.parts.is_not(None))
    .returning(outbox.c.id, outbox.c.channel, outbox.c.direction, outbox.c.lane_id, outbox.c.letter_id)
)
_DECLINE = update(inbox).where(inbox.c.id == bindparam("of_id")).values(declined=bindparam("reason"))
_REACTIONS = (
    select(outbox.c.id)
    .select_from(
        listed(lane, lane.c.channel, lane.c.direction, lane.c.client_id).join(outbox, outbox.c.lane_id == lane.c.id)
    )
    .where(waits(outbox), outbox.c.parts.is_not(None), outbox.c.album.like(f"{REACTIONS}%"))
)
_others = outbox.alias("others")
#: A lane in which nothing waits any more is not due.
_REST = (
    update(lane)
    .where(
        lane.c.id.in_(bindparam("lane_ids", expanding=True)),
        lane.c.leased.is_(False),
        ~exists(select(_others.c.id).where(_others.c.lane_id == lane.c.id, waits(_others))),
    )
    .values(due_at=null())
)
