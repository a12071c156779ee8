"""What comes alone goes at once into the hands of the courier who asks for work in the same transaction.

Its lane sleeps, so what a claim would find there is what has just been written: it is not looked for again.
"""

from typing import Any, NamedTuple

import orjson
from sqlalchemy import bindparam, literal_column, select, true, update

from relay.model import SUSPECT_AFTER, Address, Client, Delivery
from relay.store.charging import SHARED
from relay.store.claiming import Claim
from relay.store.engine.connection import Connection, Row
from relay.store.engine.sql import insert, locked
from relay.store.engine.tables import lane, outbox


class Waiting(NamedTuple):
    """A delivery that is about to wait."""

    values: dict[str, Any]  #: Its row, but for the lane.
    key: tuple[str, str, str]  #: Its lane's: channel, direction, client id.
    source_id: str  #: Of its letter.


def write_alone(tx: Connection, now: float, waiting: Waiting, client: Client | None) -> bool:
    """Write a delivery, and hand it to a courier who asks for it; else its lane is due.

    False: nothing was written, since there is more to it. It waits for others, or its lane does, or has to be made.
    """
    values, key, _ = waiting
    if values["not_before"] is not None or values["hasty"]:
        return False
    of = tx.execute(_LANE, {"of_channel": key[0], "of_direction": key[1], "of_client": key[2]}).first()
    if of is None or not _is_open(of, now):
        return False
    takes = of.due_at is None and of.crashes < SUSPECT_AFTER and _is_awaited(tx, key, client)
    if takes:
        tx.execute(_LEASE, {"of_id": of.id, "at": now, "new_holder": tx.holder})
    elif of.due_at is None:
        tx.execute(_OPEN, {"of_id": of.id, "at": now})
    # What is not said is so by itself, and each value costs as much as a column to write.
    said = {name: value for name, value in values.items() if value is not None and value is not False}
    number = tx.insert(_INSERT, {**said, "lane_id": of.id})
    if takes and number is not None:
        tx.handed.append(_delivery(number, of, waiting, client, tx.holder))
        tx.leased.append((of.id, of.lease + 1))
    return True


def _is_open(of: Row, now: float) -> bool:
    """Whether the lane sleeps, or is due: behind what waits in it the delivery has its place."""
    if of.due_at is None:
        return not of.leased
    return bool(of.due_at <= now)


def _is_awaited(tx: Connection, key: tuple[str, str, str], client: Client | None) -> bool:
    """Whether a courier asks for fresh lanes of this kind: of these the newest goes first, and there is none newer."""
    channel, direction, _ = key
    if client is None and direction == "to_telegram":
        return False  # where it goes is looked up by the claim
    for wish in tx.late:
        if isinstance(wish, Claim) and (wish.channel, wish.direction) == (channel, direction) and not wish.suspects:
            return wish.fresh > sum((each.channel, each.direction) == (channel, direction) for each in tx.handed)
    return False


def _delivery(number: int, of: Row, waiting: Waiting, client: Client | None, holder: str | None) -> Delivery:
    """As a claim would find it."""
    values, (channel, direction, client_id), source_id = waiting
    known = client if direction == "to_telegram" else None
    address = None if known is None else known.address
    return Delivery(
        id=number,
        channel=channel,
        direction="to_telegram" if direction == "to_telegram" else "to_kit",
        client_id=client_id,
        address=address if values["address"] is None else Address(**orjson.loads(values["address"])),
        unreachable=None if known is None else known.unreachable,
        language="" if known is None else known.language,
        body=values["body"],
        lane_id=of.id,
        lease=of.lease + 1,
        holder=holder,
        crashes=of.crashes,
        attempts=1,
        steps_done=0,
        uncertain=0,
        accepted_at=values["accepted_at"],
        written_at=values["written_at"],
        source_id=source_id,
    )


# Statements are made once: to make one costs more than to run it.
_LANE = locked(
    select(lane.c.id, lane.c.due_at, lane.c.leased, lane.c.lease, lane.c.crashes).where(
        lane.c.channel == bindparam("of_channel"),
        lane.c.direction == bindparam("of_direction"),
        lane.c.client_id == bindparam("of_client"),
    ),
    lane,
)
_OPEN = update(lane).where(lane.c.id == bindparam("of_id")).values(due_at=bindparam("at"), since=bindparam("at"))
_LEASE = _OPEN.values(
    lease=lane.c.lease + literal_column("1"),
    leased=true(),
    blame=literal_column(f"'{SHARED}'"),
    holder=bindparam("new_holder"),
)
_INSERT = insert(outbox)
