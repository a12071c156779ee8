"""Customers who are blocked by a person, and how much of each waits for Kit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import bindparam, func, select, update

from relay.model import Accepted
from relay.store.customers import Whose
from relay.store.engine.connection import Connection
from relay.store.engine.sql import by_key
from relay.store.engine.tables import client_link, lane, outbox, waits

#: Unix time of the last second of the year 9999: a block without an end.
FOREVER: Final = 253_402_300_799.0


@dataclass(slots=True)
class Limits:
    """What is known of the clients of one transaction. Keys are the channel and the client's id."""

    blocked_until: dict[tuple[str, str], float] = field(default_factory=dict)
    waiting: dict[tuple[str, str], int] = field(default_factory=dict)  #: Deliveries to Kit.

    def is_blocked(self, key: tuple[str, str], now: float) -> bool:
        """Whether a person has blocked them."""
        return self.blocked_until.get(key, 0.0) > now

    def note(self, channel: str, outcome: Accepted) -> None:
        """One more waits."""
        if outcome.draft.direction == "to_kit":
            key = channel, outcome.draft.client_id
            self.waiting[key] = self.waiting.get(key, 0) + 1


@dataclass(frozen=True, slots=True)
class Block:
    """A person blocks a customer until then, in Unix time; lets them in again: None."""

    whose: Whose
    until: float | None


def block(tx: Connection, _now: float, blocks: Sequence[Block]) -> list[bool]:
    """Block customers, or let them in again. False: nobody with this client id has written."""
    return [_block(tx, each) for each in blocks]


def _block(tx: Connection, wish: Block) -> bool:
    theirs = (client_link.c.channel == wish.whose.channel, client_link.c.client_id == wish.whose.client_id)
    return tx.execute(update(client_link).where(*theirs).values(blocked_until=wish.until)).rowcount > 0


def find_blocked(tx: Connection, now: float, channels: Sequence[str]) -> list[dict[str, float]]:
    """Who is blocked until when, by client id; for each channel."""
    return [
        {row.client_id: row.blocked_until for row in tx.execute(_BLOCKED, {"of_channel": channel, "now": now})}
        for channel in channels
    ]


def recall_waiting(tx: Connection, clients: Collection[tuple[str, str]], limits: Limits) -> None:
    """How many deliveries of each wait for Kit."""
    lanes = [(channel, "to_kit", client_id) for channel, client_id in clients]
    for channel, client_id, waiting in tx.execute(*_WAITING.of(lanes)):
        limits.waiting[channel, client_id] = waiting


# Statements are made once: to make one costs more than to run it.
_BLOCKED = select(client_link.c.client_id, client_link.c.blocked_until).where(
    client_link.c.channel == bindparam("of_channel"), client_link.c.blocked_until > bindparam("now")
)
_WAITING = by_key(
    select(
        lane.c.channel,
        lane.c.client_id,
        select(func.count()).where(outbox.c.lane_id == lane.c.id, waits(outbox)).correlate(lane).scalar_subquery(),
    ),
    lane,
    lane.c.channel,
    lane.c.direction,
    lane.c.client_id,
)
