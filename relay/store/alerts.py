"""Alerts that were raised and of whom each was told; and how often processes ended without being told to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, delete, func, select, text, update

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert as upsert
from relay.store.engine.tables import alert, process_run

#: Seconds within which unclean ends are counted.
LATELY = 600.0


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that calls for a person, until it is over and that is told."""

    name: str  #: Unique: what is wrong, and with which channel.
    kind: str
    channel: str  #: As people call it; "" for what is the whole relay's.
    reason: str
    since: float  #: Unix time.
    over_at: float | None = None
    url_told: str = ""  #: What was told to the outlet: nothing, `raised` or `over`.
    chat_told: str = ""


def all_alerts(tx: Connection, _now: float, asked: Sequence[None]) -> list[list[Alert]]:
    """Those that are not over, or of whose end somebody is to be told yet."""
    found = [Alert(*cells) for cells in map(tuple, tx.execute(_ALL))]
    return [found] * len(asked)


def keep_alert(tx: Connection, _now: float, alerts: Sequence[Alert]) -> list[None]:
    """Keep alerts as they are now."""
    tx.execute(_KEEP, [asdict(each) for each in alerts])
    return [None] * len(alerts)


def drop_alert(tx: Connection, _now: float, names: Sequence[str]) -> list[None]:
    """Forget alerts: they are over, and everybody knows."""
    tx.execute(_DROP, [{"of_name": name} for name in names])
    return [None] * len(names)


def begin_run(tx: Connection, now: float, begun: Sequence[None]) -> list[None]:
    """Note a start. Of several relays it is their deaths that are noted, by who finds them (`note_deaths`)."""
    tx.execute(_FORGET_RUNS, {"before": now - LATELY})
    if tx.holder is None:
        tx.execute(_BEGIN, {"started_at": now, "clean": False})
    return [None] * len(begun)


def end_run(tx: Connection, _now: float, ended: Sequence[None]) -> list[None]:
    """Note that the process ends as it was told to."""
    if tx.holder is None:
        tx.execute(_END)
    return [None] * len(ended)


def note_deaths(tx: Connection, now: float, deaths: int) -> None:
    """Note that so many of several relays ended without goodbye."""
    for number in range(deaths):
        tx.execute(_BEGIN, {"started_at": now + number / 1e6, "clean": False})


def unclean_ends(tx: Connection, now: float, asked: Sequence[None]) -> list[int]:
    """How many processes of the last ten minutes ended without goodbye."""
    lately = {"after": now - LATELY}
    if tx.holder is None:
        unclean = tx.scalar(_UNCLEAN_BEFORE, lately)
    else:
        unclean = tx.scalar(_UNCLEAN, lately) + tx.scalar(_NOT_FOUND_YET, {"me": tx.holder})
    return [unclean] * len(asked)


_ALL = select(*(alert.c[name] for name in Alert.__slots__)).order_by(alert.c.since)
_insert = upsert(alert)
_KEEP = _insert.on_conflict_do_update(
    index_elements=["name"], set_={name: _insert.excluded[name] for name in Alert.__slots__ if name != "name"}
)
_DROP = delete(alert).where(alert.c.name == bindparam("of_name"))
_FORGET_RUNS = delete(process_run).where(process_run.c.started_at < bindparam("before"))
_UNCLEAN = (
    select(func.count())
    .select_from(process_run)
    .where(process_run.c.clean.is_(False), process_run.c.started_at > bindparam("after"))
)
_BEGIN = upsert(process_run).on_conflict_do_nothing()
_newest = select(func.max(process_run.c.started_at)).scalar_subquery()
#: The newest is this one.
_UNCLEAN_BEFORE = _UNCLEAN.where(process_run.c.started_at < _newest)
_NOT_FOUND_YET = text(
    "SELECT count(*) FROM replica WHERE id <> :me AND kind = 'relay' AND until < clock_timestamp()"
    " AND until <> '-infinity'"
)
_END = update(process_run).where(process_run.c.started_at == _newest).values(clean=True)
