"""The smallest world in which several relays on one database can go wrong, and the search through all that can happen.

One lane, two relays, two messages that the relays accept, and every step at which a process can die, be cut off from
the database, or see the database restart. `explore` tries all interleavings. Each cure can be left out: then it finds
what goes wrong without it.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

#: What keeps several relays from spoiling each other's work.
Cure = Literal["claim under a lock", "lane locked first", "lease checked", "trust ends first", "witnessed death"]
CURES: Final[tuple[Cure, ...]] = (
    "claim under a lock",  # to see that a lane is free and to take it is one step
    "lane locked first",  # who accepts has the lane before it draws a number, so numbers rise as they are committed
    "lease checked",  # what a courier reports counts only while the lane is its own
    "trust ends first",  # a relay stops its calls before its term is over for others
    "witnessed death",  # nobody is charged with a death for beats that the database itself has missed
)
Fault = Literal["in two hands", "order turned round", "an innocent buried", "lost"]

_RELAYS: Final = (0, 1)
#: How often a relay dies or is cut off, and how often the database restarts, at most.
_ENDS, _RESTARTS = 1, 2
#: Deaths on its account with which a message is buried: more than there are ends that may be charged.
_BURIED: Final = 2


class Relay(NamedTuple):
    """A process, and what the database thinks of it."""

    up: bool = True
    trusted: bool = True  #: By its own clock its term is not over.
    in_term: bool = True  #: By the database's clock.
    missed: bool = False  #: Its term ended because the database was away.
    hand: Literal["", "saw", "holds", "calls", "done"] = ""
    number: int = 0  #: Of the message in its hand.
    current: bool = False  #: The lane has not been leased since it got it.
    accepting: Literal["to come", "drawn", "committed"] = "to come"
    drawn: int = 0


class World(NamedTuple):
    """Everything there is."""

    relays: tuple[Relay, Relay] = (Relay(), Relay())
    next_number: int = 1
    waiting: tuple[int, ...] = ()  #: Numbers of committed messages.
    delivered: tuple[int, ...] = ()
    holder: int | None = None  #: Of the lane.
    locked: int | None = None  #: Who accepts into the lane just now.
    arrived: int = 0  #: The highest number that has reached the other side.
    charged: int = 0
    ends: int = 0
    restarts: int = 0
    fault: Fault | None = None


class Found(NamedTuple):
    """What a search came to."""

    worlds: int
    faults: frozenset[Fault]


def explore(cures: frozenset[Cure] = frozenset(CURES), *, until: Fault | None = None) -> Found:
    """Every world that can come about with these cures, breadth first; nothing follows a fault. Ends at `until`."""
    seen, queue, faults = {World()}, deque([World()]), set()
    while queue:
        world = queue.popleft()
        if world.fault is not None:
            faults.add(world.fault)
            if world.fault == until:
                break
            continue
        following = list(_steps(world, cures))
        if not following and _is_lost(world):
            faults.add("lost")
        for after in following:
            judged = _judged(after)
            if judged not in seen:
                seen.add(judged)
                queue.append(judged)
    return Found(len(seen), frozenset(faults))


def _judged(world: World) -> World:
    if world.fault is None and sum(each.hand == "calls" and each.up for each in world.relays) > 1:
        return world._replace(fault="in two hands")
    if world.fault is None and world.charged >= _BURIED:
        return world._replace(fault="an innocent buried")
    return world


def _is_lost(world: World) -> bool:
    """Whether nothing happens any more and something is still not delivered."""
    return bool(world.waiting) or len(world.delivered) < sum(each.accepting == "committed" for each in world.relays)


def _with(world: World, me: int, **changes: Any) -> World:
    relays = list(world.relays)
    relays[me] = relays[me]._replace(**changes)
    return world._replace(relays=(relays[0], relays[1]))


def _steps(world: World, cures: frozenset[Cure]) -> Iterator[World]:
    for me in _RELAYS:
        relay = world.relays[me]
        if relay.up:
            yield from _accept(world, me, cures)
            yield from _claim(world, me, cures)
            yield from _carry(world, me, cures)
            yield from _beat(world, me)
            if world.ends < _ENDS:
                yield _die(world, me)
        elif not relay.in_term:
            yield _with(
                world, me, up=True, trusted=False
            )  # a new process, under a new name: it holds nothing of the old one
        yield from _lose_term(world, me, cures)
    if world.restarts < _RESTARTS:
        yield from _restart_database(world, cures)


def _accept(world: World, me: int, cures: frozenset[Cure]) -> Iterator[World]:
    """Draw a number, then commit: two steps, between which others do theirs."""
    relay = world.relays[me]
    if relay.accepting == "to come":
        if "lane locked first" not in cures:
            yield _with(world, me, accepting="drawn", drawn=world.next_number)._replace(
                next_number=world.next_number + 1
            )
        elif world.locked is None:
            drawn = _with(world, me, accepting="drawn", drawn=world.next_number)
            yield drawn._replace(next_number=world.next_number + 1, locked=me)
    elif relay.accepting == "drawn":
        committed = _with(world, me, accepting="committed", drawn=0)
        locked = None if world.locked == me else world.locked
        yield committed._replace(waiting=tuple(sorted((*world.waiting, relay.drawn))), locked=locked)


def _claim(world: World, me: int, cures: frozenset[Cure]) -> Iterator[World]:
    relay = world.relays[me]
    free = world.holder is None and bool(world.waiting)
    if not (relay.trusted and relay.in_term):
        return
    if "claim under a lock" in cures:
        if relay.hand == "" and free and world.locked is None:
            yield _taken(world, me)
    elif relay.hand == "" and free:
        yield _with(world, me, hand="saw")
    elif relay.hand == "saw":
        yield _taken(world, me) if world.waiting else _with(world, me, hand="")


def _taken(world: World, me: int) -> World:
    taken = _with(world, me, hand="holds", number=world.waiting[0], current=True)
    return _with(taken, 1 - me, current=False)._replace(holder=me)


def _carry(world: World, me: int, cures: frozenset[Cure]) -> Iterator[World]:
    relay = world.relays[me]
    if relay.hand == "holds" and relay.trusted:
        yield _with(world, me, hand="calls")
    elif relay.hand == "calls":
        arrived = _with(world, me, hand="done")
        fault: Fault | None = "order turned round" if relay.number < world.arrived else None
        yield arrived._replace(arrived=max(world.arrived, relay.number), fault=world.fault or fault)
    elif relay.hand == "done":
        yield _settled(world, me, cures)


def _settled(world: World, me: int, cures: frozenset[Cure]) -> World:
    relay = world.relays[me]
    after = _with(world, me, hand="", number=0, current=False)
    if "lease checked" in cures and not (relay.current and world.holder == me):
        return after
    waiting = tuple(number for number in world.waiting if number != relay.number)
    delivered = tuple(sorted({*world.delivered, relay.number}))
    return after._replace(waiting=waiting, delivered=delivered, holder=None, charged=0)


def _beat(world: World, me: int) -> Iterator[World]:
    """Who is out of its term begins a new one, and with empty hands: what it held is not its own any more."""
    relay = world.relays[me]
    if not relay.in_term:
        came_back = _with(world, me, in_term=True, trusted=True, missed=False)
        yield came_back._replace(holder=None) if world.holder == me and relay.hand == "" else came_back


def _die(world: World, me: int) -> World:
    """What was drawn and not committed is as if it had never been; the number is gone. The sender brings it again."""
    relay = world.relays[me]
    accepting = "to come" if relay.accepting == "drawn" else relay.accepting
    dead = _with(world, me, up=False, hand="", number=0, current=False, accepting=accepting, drawn=0)
    return dead._replace(ends=world.ends + 1, locked=None if world.locked == me else world.locked)


def _lose_term(world: World, me: int, cures: frozenset[Cure]) -> Iterator[World]:
    """A relay that is dead or cut off beats no more; then somebody else ends its leases and charges its death."""
    relay, other = world.relays[me], world.relays[1 - me]
    if relay.in_term and not relay.up:
        yield _with(world, me, in_term=False)
    elif relay.in_term and relay.trusted and world.ends < _ENDS:
        cut = world._replace(ends=world.ends + 1)
        yield _distrusting(cut, me) if "trust ends first" in cures else _with(cut, me, in_term=False)
    elif relay.in_term and not relay.trusted:
        yield _with(world, me, in_term=False)
    if not relay.in_term and world.holder == me and other.up and other.in_term:
        excused = relay.missed and relay.up and "witnessed death" in cures
        if not excused:  # it will be back before anybody may call it dead
            yield world._replace(holder=None, charged=world.charged + 1)


def _distrusting(world: World, me: int) -> World:
    """Its own clock says first that its term is over: it breaks its call off."""
    hand = world.relays[me].hand
    if hand in {"holds", "calls"}:
        return _with(world, me, trusted=False, hand="", number=0, current=False)
    return _with(world, me, trusted=False)


def _restart_database(world: World, cures: frozenset[Cure]) -> Iterator[World]:
    """Everybody's term ends at once, and what was not committed is gone."""
    after = world._replace(restarts=world.restarts + 1, locked=None)
    for me in _RELAYS:
        relay = after.relays[me]
        accepting = "to come" if relay.accepting == "drawn" else relay.accepting
        if "trust ends first" in cures:
            after = _distrusting(after, me)
        after = _with(after, me, in_term=False, missed=relay.up, accepting=accepting, drawn=0)
    yield after
