"""Whether Kit gets through to a channel: its last callback that was taken, and those of the last hour that were not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import BigInteger, bindparam, cast, delete, func, select, update

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, leasable, listed
from relay.store.engine.tables import callback_record, client_link, refused_callback

_MINUTE = 60
_MINUTES_KEPT = 60


@dataclass(frozen=True, slots=True)
class CallbacksSeen:
    """What came to a channel's callback since the last time that somebody noted it."""

    channel: str
    accepted: bool
    refused: Mapping[str, int] = field(default_factory=dict)  #: How often, by the client id in the body.


@dataclass(frozen=True, slots=True)
class Callbacks:
    """How Kit's callbacks have fared. Times are Unix times; None: never."""

    accepted_at: float | None = None
    refused_at: float | None = None
    refused: int = 0  #: In the last hour; of those that name a client who is known.


def note_callbacks(tx: Connection, now: float, seen: Sequence[CallbacksSeen]) -> list[int]:
    """Note what came. Returns how many of the refused ones name a client who is known: only they are counted."""
    known = _known_clients(tx, seen)
    counted = [_refused_of_known(each, known) for each in seen]
    for each, refused in zip(seen, counted, strict=True):
        if each.accepted:
            _note_accepted(tx, now, each.channel)
        if refused:
            tx.execute(_REFUSED, {"channel": each.channel, "refused_at": now})
            tx.execute(_ADD, {"channel": each.channel, "minute": int(now) // _MINUTE, "times": refused})
            tx.execute(_DROP_OLD, {"of_channel": each.channel, "since": _oldest_minute(now)})
    return counted


def _note_accepted(tx: Connection, now: float, channel: str) -> None:
    """Whoever just notes the same for another relay is not waited for: all of them would at every commit."""
    noted = tx.execute(_ACCEPTED_AGAIN, {"of_channel": channel, "at": now}).first()
    if noted is None and tx.execute(_RECORD, {"of_channel": channel}).first() is None:
        tx.execute(_ACCEPTED, {"channel": channel, "accepted_at": now})


def find_callbacks(tx: Connection, now: float, channels: Sequence[str]) -> list[Callbacks]:
    """How Kit's callbacks to channels have fared."""
    return [_find_one(tx, now, channel) for channel in channels]


def _find_one(tx: Connection, now: float, channel: str) -> Callbacks:
    record = tx.execute(_RECORD, {"of_channel": channel}).first()
    if record is None:
        return Callbacks()
    refused = tx.execute(_REFUSED_SINCE, {"of_channel": channel, "since": _oldest_minute(now)}).scalar()
    return Callbacks(record.accepted_at, record.refused_at, refused)


def _known_clients(tx: Connection, seen: Sequence[CallbacksSeen]) -> set[tuple[str, str]]:
    named = [(each.channel, client_id) for each in seen for client_id in each.refused]
    if not named:
        return set()
    return {(channel, client_id) for channel, client_id in tx.execute(_CLIENTS, {"wanted": keys(named)})}


def _refused_of_known(seen: CallbacksSeen, known: set[tuple[str, str]]) -> int:
    return Counter({client: times for client, times in seen.refused.items() if (seen.channel, client) in known}).total()


def _oldest_minute(now: float) -> int:
    return int(now) // _MINUTE - _MINUTES_KEPT + 1


_CLIENTS = select(client_link.c.channel, client_link.c.client_id).select_from(
    listed(client_link, client_link.c.channel, client_link.c.client_id)
)
_record = insert(callback_record)
_free = leasable(
    select(callback_record.c.channel).where(callback_record.c.channel == bindparam("of_channel")), callback_record
)
_ACCEPTED_AGAIN = (
    update(callback_record)
    .where(callback_record.c.channel.in_(select(_free.c.channel)))
    .values(accepted_at=bindparam("at"))
    .returning(callback_record.c.channel)
)
_ACCEPTED = _record.on_conflict_do_update(
    index_elements=["channel"], set_={"accepted_at": _record.excluded.accepted_at}
)
_REFUSED = _record.on_conflict_do_update(index_elements=["channel"], set_={"refused_at": _record.excluded.refused_at})
_minute = insert(refused_callback)
_ADD = _minute.on_conflict_do_update(
    index_elements=["channel", "minute"], set_={"times": refused_callback.c.times + _minute.excluded.times}
)
_DROP_OLD = delete(refused_callback).where(
    refused_callback.c.channel == bindparam("of_channel"), refused_callback.c.minute < bindparam("since")
)
_RECORD = select(callback_record).where(callback_record.c.channel == bindparam("of_channel"))
_REFUSED_SINCE = select(cast(func.coalesce(func.sum(refused_callback.c.times), 0), BigInteger)).where(
    refused_callback.c.channel == bindparam("of_channel"), refused_callback.c.minute >= bindparam("since")
)
