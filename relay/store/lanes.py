"""Lanes: made due when something waits in them, and what hurries them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import bindparam, case, func, select, update

from relay.store.charging import HELD_BACK_FROM
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import lane, outbox, waits

#: Seconds after which what is new makes a lane due that backs off: of many at once only the first one does.
_HURRY = 1.0


class Lane(NamedTuple):
    """A lane in which something waits."""

    id: int
    due_at: float


def open_lanes(tx: Connection, lanes: list[dict[str, Any]]) -> dict[tuple[str, str, str], Lane]:
    """Make lanes due at their `due_at`, unless they are (or are parked) already. As they are then, by what names them.

    One that is leased stays so, and is due again when its courier lets go of it.
    """
    return {
        (channel, direction, client_id): Lane(lane_id, due_at)
        for channel, direction, client_id, lane_id, due_at in tx.execute(
            _OPEN_LANES, [{**values, "since": values["due_at"]} for values in lanes]
        )
    }


def send_off(tx: Connection, now: float, lanes: Iterable[Lane]) -> None:
    """Let what is hasty and stands first in these lanes leave: something else has come."""
    if parked := {lane.id for lane in lanes if lane.due_at > now}:
        tx.execute(_SEND_OFF, {"lane_ids": list(parked), "at": now})


# Statements are made once: to make one costs more than to run it.
_lane = insert(lane)
_HURRIED_AT = _lane.excluded.due_at + _HURRY
_OPEN_LANES = _lane.on_conflict_do_update(
    index_elements=["channel", "direction", "client_id"],
    set_={
        "due_at": case(
            (lane.c.backs_off & (lane.c.due_at > _HURRIED_AT), _HURRIED_AT),
            else_=func.coalesce(lane.c.due_at, _lane.excluded.due_at),
        ),
        "since": case((lane.c.due_at.is_(None), _lane.excluded.since), else_=lane.c.since),
    },
).returning(lane.c.channel, lane.c.direction, lane.c.client_id, lane.c.id, lane.c.due_at)
_head = outbox.alias("head")
#: What is hasty and stands first in its lane leaves when something else comes. A lane that is parked for other reasons
#: stays so.
_SEND_OFF = (
    update(lane)
    .where(
        lane.c.id.in_(bindparam("lane_ids", expanding=True)),
        lane.c.leased.is_(False),
        lane.c.due_at > bindparam("at"),
        lane.c.slow_deaths < HELD_BACK_FROM,
        select(_head.c.hasty)
        .where(_head.c.lane_id == lane.c.id, waits(_head))
        .order_by(_head.c.id)
        .limit(1)
        .correlate(lane)
        .scalar_subquery(),
    )
    .values(due_at=bindparam("at"))
)
