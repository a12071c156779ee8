"""Settling: what became of a claimed delivery, and how far it has come.

Both check that the lease is still ours: a courier that outlived it changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, assert_never

from sqlalchemy import Boolean, Float, and_, bindparam, case, exists, false, func, literal_column, null, select, update

from relay.model import Bury, Delivered, Delivery, Late, Lost, Note, Result, Retry, Said
from relay.store.charging import SHARED
from relay.store.engine.connection import Connection
from relay.store.engine.sql import locked
from relay.store.engine.tables import client_link, lane, outbox, waits
from relay.store.failure_notes import write_late, write_lost, write_notes
from relay.store.failures import write_failures
from relay.store.recalling import remember
from relay.store.totals import Totals, add_to_tally


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a courier reports of one delivery."""

    delivery: Delivery
    result: Result
    last: bool = True  #: The courier lets go of the lane. A retry always does.

    @property
    def releases(self) -> bool:
        """Whether the lane is free after it."""
        return self.last or isinstance(self.result, Retry)


class Settled(IntEnum):
    """What came of a settlement. True if it holds."""

    LOST = 0  #: The lease was lost, nothing changed.
    DONE = 1
    MORE = 2  #: The lane is free, and something waits in it.


@dataclass(frozen=True, slots=True)
class Progress:
    """The first `steps_done` steps of a delivery are confirmed."""

    delivery: Delivery
    steps_done: int
    said: tuple[Said, ...] = ()  #: What the customer reads by now.
    acquitted: bool = False  #: The step before this one had been out for long: what comes now may be to blame again.


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is still to be done for a delivery is something else than was thought when it was accepted."""

    delivery: Delivery
    body: str
    left: Lost | Late | None = None  #: What will not be done any more, or not as a part of it.


@dataclass(frozen=True, slots=True)
class Move:
    """A chat has another id now."""

    channel: str
    old_chat_id: int
    new_chat_id: int


def note_progress(tx: Connection, now: float, notes: Sequence[Progress]) -> list[bool]:
    """Remember confirmed steps, and what they said. False: the lease is lost, stop."""
    ours = _still_ours(tx, [note.delivery for note in notes])
    valid = [note for note, is_ours in zip(notes, ours, strict=True) if is_ours]
    if valid:
        values = [{"of_id": note.delivery.id, "new_steps_done": note.steps_done} for note in valid]
        tx.execute(_NOTE_PROGRESS, values)
        remember(tx, now, [(note.delivery, note.said) for note in valid])
    if suspicious := [note.delivery.lane_id for note in valid if note.acquitted]:
        tx.execute(_SUSPECT_AGAIN, {"lane_ids": suspicious})
    return ours


def rewrite(tx: Connection, now: float, changes: Sequence[Rewriting]) -> list[bool]:
    """Give claimed deliveries other bodies, whose next step begins anew. False: the lease is lost, nothing changed.

    What has lost a part does not belong to its letter any more: to map that anew would make the whole again.
    Asked for twice it is done once: whoever did not hear of a commit asks again.
    """
    ours = _still_ours(tx, [change.delivery for change in changes])
    valid = [change for change, is_ours in zip(changes, ours, strict=True) if is_ours]
    leaving = _not_yet(tx, [change for change in valid if change.left is not None])
    if valid:
        tx.execute(_REWRITE, [{"of_id": change.delivery.id, "new_body": change.body} for change in valid])
    if leaving:
        tx.execute(_DETACH, [{"of_id": change.delivery.id} for change in leaving])
    write_lost(tx, now, [(change.delivery, change.left) for change in leaving if isinstance(change.left, Lost)])
    write_late(tx, now, [(change.delivery, change.left) for change in leaving if isinstance(change.left, Late)])
    return ours


def _not_yet(tx: Connection, changes: list[Rewriting]) -> list[Rewriting]:
    """Those whose bodies are not what they are to be."""
    if not changes:
        return []
    bodies = {row.id: row.body for row in tx.execute(_BODIES, {"ids": [change.delivery.id for change in changes]})}
    return [change for change in changes if bodies.get(change.delivery.id) != change.body]


def move(tx: Connection, _now: float, moves: Sequence[Move]) -> list[None]:
    """Answer the clients of a chat where it is now."""
    values = [{"of_channel": each.channel, "old": each.old_chat_id, "new": each.new_chat_id} for each in moves]
    tx.execute(_MOVE, values)
    return [None] * len(moves)


def settle(tx: Connection, now: float, settlements: Sequence[Settlement]) -> list[Settled]:
    """Close deliveries, or put them back, and let their lanes go on.

    Asked for twice it is done once: whoever did not hear of a commit asks again.
    """
    if len(settlements) == 1 and tx.holder is None and _close(tx, now, settlements[0]):
        return [Settled.DONE]
    ours = _still_ours(tx, [settlement.delivery for settlement in settlements])
    valid = [settlement for settlement, is_ours in zip(settlements, ours, strict=True) if is_ours]
    closed = _deliver(tx, now, [settlement for settlement in valid if isinstance(settlement.result, Delivered)])
    closed += _settle_others(tx, now, [each for each in valid if not isinstance(each.result, Delivered)])
    go_on = _release(tx, now, valid)
    add_to_tally(tx, _tallied(closed))
    tx.let_go += [
        (each.delivery.lane_id, each.delivery.lease)
        for each, is_ours in zip(settlements, ours, strict=True)
        if each.releases or not is_ours
    ]
    return [
        _came_of(settlement, go_on) if is_ours else Settled.LOST
        for settlement, is_ours in zip(settlements, ours, strict=True)
    ]


def _close(tx: Connection, now: float, settlement: Settlement) -> bool:
    """Settle what nearly all are: it got through, and nothing waits behind it. False: it is not so, nothing changed.

    Only where no other relay writes: between the look at what waits and the change of its lane nothing may come.
    """
    delivery, result = settlement.delivery, settlement.result
    if not settlement.last or not isinstance(result, Delivered):
        return False
    of_lane = {"of_lane": delivery.lane_id, "of_lease": delivery.lease, "of_id": delivery.id}
    if not tx.execute(_LET_SLEEP, of_lane).rowcount:
        return False
    if tx.execute(_CLOSE, {"of_id": delivery.id, "at": now}).rowcount:
        add_to_tally(tx, {(delivery.channel, delivery.direction, "delivered"): 1})
    if result.said:
        remember(tx, now, [(delivery, result.said)])
    return True


def _deliver(tx: Connection, now: float, settlements: list[Settlement]) -> list[Settlement]:
    """Close those that got through. Returns those that were not closed before."""
    if not settlements:
        return []
    open_ones = set(tx.scalars(_DELIVER, {"ids": [each.delivery.id for each in settlements], "at": now}))
    remember(tx, now, [(each.delivery, each.result.said) for each in settlements if isinstance(each.result, Delivered)])
    return [each for each in settlements if each.delivery.id in open_ones]


def _settle_others(tx: Connection, now: float, settlements: list[Settlement]) -> list[Settlement]:
    """Bury those that do not get through, or put them back. Returns those that were not closed before."""
    open_ones = set(tx.scalars(_OPEN, {"ids": [each.delivery.id for each in settlements]})) if settlements else set()
    settlements = [each for each in settlements if each.delivery.id in open_ones]
    if not settlements:
        return []
    tx.execute(_SETTLE, [_settled(settlement, now) for settlement in settlements])
    write_failures(tx, now, ((each.delivery, each.result) for each in settlements))
    buried = [(each.delivery, each.result) for each in settlements if isinstance(each.result, Bury)]
    if out_of_reach := [_out_of_reach(*each) for each in buried if each[1].unreachable]:
        tx.execute(_LOSE, out_of_reach)
    write_notes(tx, now, [each for settlement in settlements for each in _notes(settlement)])
    return settlements


def _release(tx: Connection, now: float, settlements: list[Settlement]) -> set[int]:
    """Let go of lanes. Returns those in which something waits."""
    go_on: set[int] = set()
    for how, lanes in _released(settlements).items():
        values = {"lane_ids": lanes, "new_due_at": now + how.after, "new_backs_off": how.backs_off}
        values["new_paced"] = how.paced
        released = tx.execute(_RELEASE if how.tried else _RELEASE_UNTRIED, values)
        go_on.update(lane_id for lane_id, due_at in released if due_at is not None)
    return go_on


def _came_of(settlement: Settlement, go_on: set[int]) -> Settled:
    return Settled.MORE if settlement.releases and settlement.delivery.lane_id in go_on else Settled.DONE


def _still_ours(tx: Connection, deliveries: list[Delivery]) -> list[bool]:
    rows = tx.execute(_HELD, {"lane_ids": list({delivery.lane_id for delivery in deliveries})})
    held = {(lane_id, lease) for lane_id, lease in rows}
    return [(delivery.lane_id, delivery.lease) in held for delivery in deliveries]


def _settled(settlement: Settlement, now: float) -> dict[str, Any]:
    delivery = settlement.delivery
    values: dict[str, Any] = {
        "of_id": delivery.id,
        "new_reason": None,
        "new_attempts": delivery.attempts,
        "more_uncertain": 0,
        "new_failing_since": delivery.failing_since,
    }
    match settlement.result:
        case Retry(reason=reason, free=free, uncertain=uncertain):
            values |= {"new_status": "waiting", "new_reason": reason, "new_settled_at": None}
            values |= {"new_attempts": delivery.attempts - free, "more_uncertain": int(uncertain)}
            if not free and delivery.failing_since is None:
                values["new_failing_since"] = now
        case Bury(reason=reason):
            values |= {"new_status": "dead", "new_reason": reason, "new_settled_at": now}
        case Delivered():
            values |= {"new_status": "delivered", "new_settled_at": now}
        case _:
            assert_never(settlement.result)
    return values


def _notes(settlement: Settlement) -> Iterator[tuple[Delivery, Note]]:
    """What is told of it."""
    if isinstance(settlement.result, Bury | Retry) and settlement.result.note is not None:
        yield settlement.delivery, settlement.result.note


def _out_of_reach(delivery: Delivery, bury: Bury) -> dict[str, Any]:
    return {"of_channel": delivery.channel, "of_client": delivery.client_id, "why": bury.reason}


class _How(NamedTuple):
    """How a lane is let go of."""

    after: float = 0.0  #: Seconds until it is due.
    backs_off: bool = False
    tried: bool = True
    paced: bool | None = False  #: None: as it is, for as long as something waits.


_DONE_WITH = _How(paced=None)


def _how(settlement: Settlement) -> _How:
    result = settlement.result
    if not isinstance(result, Retry):
        return _DONE_WITH
    paced = result.paced and settlement.delivery.direction == "to_kit"
    return _How(result.after, result.backs_off, result.tried and not result.paced, paced)


def _released(settlements: list[Settlement]) -> dict[_How, list[int]]:
    """The lanes that are free now, by how they are let go of."""
    lanes: dict[_How, list[int]] = {}
    for settlement in settlements:
        if settlement.releases:
            lanes.setdefault(_how(settlement), []).append(settlement.delivery.lane_id)
    return lanes


def _tallied(settlements: list[Settlement]) -> Totals:
    totals = Totals()
    for settlement in settlements:
        delivery = settlement.delivery
        match settlement.result:
            case Delivered():
                totals[delivery.channel, delivery.direction, "delivered"] += 1
            case Bury():
                totals[delivery.channel, delivery.direction, "dead"] += 1
            case Retry():
                pass
            case _:
                assert_never(settlement.result)
    return totals


# Statements are made once: to make one costs more than to run it.
_THESE_LANES = lane.c.id.in_(bindparam("lane_ids", expanding=True))
_HELD = locked(select(lane.c.id, lane.c.lease).where(_THESE_LANES, lane.c.leased.is_(True)).order_by(lane.c.id), lane)
_NOTE_PROGRESS = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(steps_done=bindparam("new_steps_done"), uncertain=0, attempts=0, failing_since=null())
)
_REWRITE = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(body=bindparam("new_body"), uncertain=0, attempts=0, failing_since=null())
)
_DETACH = update(outbox).where(outbox.c.id == bindparam("of_id")).values(letter_id=null())
_MOVE = (
    update(client_link)
    .where(client_link.c.channel == bindparam("of_channel"), client_link.c.chat_id == bindparam("old"))
    .values(chat_id=bindparam("new"))
)


# Many rows in one statement: between two rows the driver lets go of Python's lock, and gets it back late under load.
_THESE = outbox.c.id.in_(bindparam("ids", expanding=True))
_OPEN = select(outbox.c.id).where(_THESE, waits(outbox))
_BODIES = select(outbox.c.id, outbox.c.body).where(_THESE)
_DELIVERED = (
    update(outbox)
    .where(waits(outbox))
    .values(
        status=literal_column("'delivered'"),
        reason=null(),
        settled_at=bindparam("at"),
        attempts=outbox.c.attempts + literal_column("1"),
    )
)
_DELIVER = _DELIVERED.where(_THESE).returning(outbox.c.id)
_CLOSE = _DELIVERED.where(outbox.c.id == bindparam("of_id"))

_SETTLE = (
    update(outbox)
    .where(outbox.c.id == bindparam("of_id"))
    .values(
        status=bindparam("new_status"),
        reason=bindparam("new_reason"),
        settled_at=bindparam("new_settled_at"),
        attempts=bindparam("new_attempts"),
        uncertain=outbox.c.uncertain + bindparam("more_uncertain"),
        failing_since=bindparam("new_failing_since", type_=Float),
    )
)

_LOSE = (
    update(client_link)
    .where(client_link.c.channel == bindparam("of_channel"), client_link.c.client_id == bindparam("of_client"))
    .values(unreachable=bindparam("why"))
)

_SOMETHING_WAITS = exists().where(outbox.c.lane_id == lane.c.id, waits(outbox))
# After a settled delivery the lane is due again at once if something waits in it, else it sleeps.
_RELEASE_UNTRIED = (
    update(lane)
    .where(_THESE_LANES)
    .values(
        leased=false(),
        blame=null(),
        backs_off=bindparam("new_backs_off", type_=Boolean),
        due_at=case((_SOMETHING_WAITS, bindparam("new_due_at")), else_=null()),
        paced=func.coalesce(bindparam("new_paced", type_=Boolean), and_(lane.c.paced, _SOMETHING_WAITS)),
    )
    .returning(lane.c.id, lane.c.due_at)
)
_RELEASE = _RELEASE_UNTRIED.values(crashes=0, slow_deaths=0)
_LET_SLEEP = (
    update(lane)
    .where(
        lane.c.id == bindparam("of_lane"),
        lane.c.lease == bindparam("of_lease"),
        lane.c.leased.is_(True),
        ~exists().where(outbox.c.lane_id == lane.c.id, waits(outbox), outbox.c.id != bindparam("of_id")),
    )
    .values(
        leased=false(),
        blame=null(),
        backs_off=false(),
        due_at=null(),
        paced=false(),
        crashes=literal_column("0"),
        slow_deaths=literal_column("0"),
    )
)
_SUSPECT_AGAIN = update(lane).where(_THESE_LANES).values(blame=SHARED)
