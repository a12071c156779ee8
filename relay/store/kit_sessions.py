"""The pair of Kit's tokens that several relays have in common: sealed, and renewed by one of them at a time.

Whether a login ends the pairs from before it, Kit does not say. So there is one pair for all of them. What it is sealed
with is not in the database. Only where there can be several: one relay keeps its pair to itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from relay.store.engine.connection import Connection

#: Seconds after which a renewal that came to no end holds up nobody. Its two calls take ten each at most.
TERM: Final = 25.0


@dataclass(frozen=True, slots=True)
class Session:
    """A pair, as it lies there."""

    sealed: str
    issued_at: float  #: Unix time.


@dataclass(frozen=True, slots=True)
class Renewal:
    """The end of one."""

    channel: str
    new: Session | None  #: None: the pair stays what it was.


def find_session(tx: Connection, _now: float, channels: Sequence[str]) -> list[Session | None]:
    """The pairs of channels."""
    return [_find_one(tx, channel) for channel in channels]


def _find_one(tx: Connection, channel: str) -> Session | None:
    row = tx.execute(_FIND, {"of_channel": channel}).first()
    return None if row is None else Session(row.sealed, row.issued_at)


def begin_renewal(tx: Connection, _now: float, channels: Sequence[str]) -> list[bool]:
    """Whether this relay may renew the pair of a channel now: nobody else does."""
    return [
        tx.scalar(_BEGIN, {"duty": _duty(channel), "me": tx.holder, "term": TERM}) is not None for channel in channels
    ]


def end_renewal(tx: Connection, _now: float, renewals: Sequence[Renewal]) -> list[None]:
    """Let others renew again, and have the new pair. Of who was overtaken meanwhile nothing is kept."""
    for each in renewals:
        is_ours = tx.execute(_END, {"duty": _duty(each.channel), "me": tx.holder}).rowcount > 0
        if is_ours and each.new is not None:
            new = {"of_channel": each.channel, "sealed": each.new.sealed, "issued_at": each.new.issued_at}
            tx.execute(_KEEP, new)
    return [None] * len(renewals)


def _duty(channel: str) -> str:
    return f"log in {channel}"


_FIND = text("SELECT sealed, issued_at FROM kit_session WHERE channel = :of_channel")
_BEGIN = text(
    "INSERT INTO duty VALUES (:duty, :me, clock_timestamp() + make_interval(secs => :term)) ON CONFLICT (name)"
    " DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE duty.until < clock_timestamp()"
    " RETURNING name"
)
_END = text("DELETE FROM duty WHERE name = :duty AND holder = :me")
_KEEP = text(
    "INSERT INTO kit_session VALUES (:of_channel, :sealed, :issued_at) ON CONFLICT (channel)"
    " DO UPDATE SET sealed = excluded.sealed, issued_at = excluded.issued_at"
)
