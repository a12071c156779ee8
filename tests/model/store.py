"""What the store promises, in its smallest form: lanes, in whose hands they are, and what waits in them.

No SQL, no commit, no time of its own. `tests/store/test_machine.py` does the same to this and to the real store, step
by step. What several relays need so that this can hold, `tests/model/lanes.py` shows.
"""

from dataclasses import dataclass, field
from typing import Literal

from relay.model import SUSPECT_AFTER, Delivered, Direction, Result, Retry
from relay.store.charging import HELD_BACK_FROM, REASON, held_back_for

#: A lane: one client in one direction.
Key = tuple[Direction, str]

#: Seconds after which what is new makes a lane due that backs off.
_HURRY = 1.0


@dataclass(slots=True, eq=False)
class Item:
    """A delivery."""

    number: int  #: In the order in which they were accepted.
    key: Key
    body: str
    status: Literal["waiting", "delivered", "dead"] = "waiting"
    reason: str | None = None
    attempts: int = 0
    steps_done: int = 0
    settled_at: float | None = None


@dataclass(slots=True, eq=False)
class Lane:
    """One client in one direction."""

    key: Key
    due_at: float | None = None
    backs_off: bool = False
    lease: int = 0
    holder: str | None = None
    crashes: int = 0
    slow_deaths: int = 0
    blame: str | None = None


@dataclass(slots=True, eq=False)
class Run:
    """What a relay has in its hand: the oldest deliveries of a lane."""

    holder: str
    lane: Lane
    lease: int
    items: list[Item]


@dataclass(slots=True)
class Mark:
    """Somebody who is to be erased, up to here."""

    last: int
    asked_at: float


@dataclass(slots=True)
class Model:
    """Everything that is promised to be there."""

    lanes: dict[Key, Lane] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)  #: Who has written, and since when.
    letters: dict[tuple[str, str], str] = field(default_factory=dict)  #: By source and id: the body.
    marks: dict[str, Mark] = field(default_factory=dict)
    last: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def waiting(self, key: Key) -> list[Item]:
        """What waits in a lane, in its order."""
        return [item for item in self.items if item.key == key and item.status == "waiting"]

    def dead(self) -> list[Item]:
        """Dead letters."""
        return [item for item in self.items if item.status == "dead"]

    def count(self, key: Key, *outcomes: str) -> None:
        """Each outcome is one more."""
        for outcome in outcomes:
            self.counts[key[0], outcome] = self.counts.get((key[0], outcome), 0) + 1

    def accept(self, key: Key, body: str, now: float) -> None:
        """One more delivery waits."""
        self.last += 1
        self.items.append(Item(self.last, key, body))
        self.count(key, "received")
        self.open(key, now)

    def open(self, key: Key, now: float) -> None:
        """Something new waits in a lane."""
        lane = self.lanes.setdefault(key, Lane(key))
        if lane.due_at is None:
            lane.due_at = now
        elif lane.backs_off:
            lane.due_at = min(lane.due_at, now + _HURRY)

    def due(self, direction: Direction, now: float, *, suspects: bool = False) -> list[Lane]:
        """Lanes that may be claimed."""
        return [lane for lane in self.parked(direction, suspects=suspects) if (lane.due_at or 0.0) <= now]

    def parked(self, direction: Direction, *, suspects: bool = False) -> list[Lane]:
        """Lanes in nobody's hand in which something is due some day."""
        return [
            lane
            for lane in self.lanes.values()
            if lane.key[0] == direction
            and lane.holder is None
            and lane.due_at is not None
            and (lane.crashes >= SUSPECT_AFTER) == suspects
        ]

    def claim(self, holder: str, lane: Lane, run: int, *, alone: bool) -> Run:
        """A lane comes into somebody's hand."""
        lane.lease += 1
        lane.holder, lane.blame = holder, "alone" if alone else "shared"
        return Run(holder, lane, lane.lease, self.waiting(lane.key)[: 1 if lane.crashes or lane.slow_deaths else run])

    def is_held(self, run: Run) -> bool:
        """Whether it is still in that hand."""
        lane = run.lane
        return self.lanes.get(lane.key) is lane and lane.holder == run.holder and lane.lease == run.lease

    def progress(self, run: Run, *, acquitted: bool) -> None:
        """A step of the first one is confirmed."""
        item = run.items[0]
        item.steps_done, item.attempts = item.steps_done + 1, 0
        if acquitted:
            run.lane.blame = "shared"

    def lose(self, run: Run, reason: str, attempts: int, now: float) -> None:
        """A part of the first one is a dead letter of its own, and the rest goes on."""
        item = run.items[0]
        item.body, item.attempts = f"the rest of {item.body}", 0
        self.last += 1
        self.items.append(Item(self.last, item.key, "a part", "dead", reason, attempts, settled_at=now))
        self.count(item.key, "received", "dead")

    def acquit(self, run: Run) -> None:
        """It has been out for long."""
        run.lane.crashes, run.lane.blame = 0, None

    def settle(self, run: Run, result: Result, attempts: int, now: float, *, note: str | None = None) -> bool:
        """The first one has come to this. Returns whether the lane is let go of."""
        item = run.items.pop(0)
        if isinstance(result, Retry):
            item.attempts, item.reason = attempts - result.free, result.reason
            self._let_go(run.lane, now + result.after, backs_off=result.backs_off)
            return True
        item.settled_at = now
        if isinstance(result, Delivered):
            item.status, item.reason = "delivered", None
            item.attempts += 1
        else:
            item.status, item.reason, item.attempts = "dead", result.reason, attempts
        self.count(item.key, item.status)
        if note is not None:
            self.accept(("to_kit", item.key[1]), note, now)
        if run.items:
            return False
        self._let_go(run.lane, now)
        return True

    def _let_go(self, lane: Lane, due_at: float, *, backs_off: bool = False) -> None:
        lane.holder = lane.blame = None
        lane.crashes, lane.slow_deaths, lane.backs_off = 0, 0, backs_off
        lane.due_at = due_at if self.waiting(lane.key) else None

    def die(self, holder: str | None, now: float) -> None:
        """What a relay had in its hands is free, and its death on the account of who is to blame. None: everybody's."""
        held = [lane for lane in self.lanes.values() if lane.holder is not None and holder in (None, lane.holder)]
        guilty = "alone" if any(lane.blame == "alone" for lane in held) else "shared"
        slow = [lane for lane in held if lane.blame is None]
        for lane in held:
            lane.crashes += lane.blame == guilty
            lane.holder, lane.blame, lane.due_at = None, None, now
        for lane in slow:
            lane.slow_deaths += 1
        held_back = sorted((lane for lane in slow if lane.slow_deaths >= HELD_BACK_FROM), key=lambda lane: lane.key)
        for number, lane in enumerate(held_back):
            lane.due_at = now + held_back_for(lane.slow_deaths) * (1 + number / len(held_back))
            lane.backs_off = False
            self.waiting(lane.key)[0].reason = REASON.format(lane.key[1], lane.slow_deaths)

    def begin_anew(self, lane: Lane, now: float) -> None:
        """What killed is gone: no death is on the account of what is left."""
        if lane.slow_deaths >= HELD_BACK_FROM:
            lane.due_at = now
        if not self.waiting(lane.key):
            lane.due_at = None
        lane.crashes = lane.slow_deaths = 0

    def hurry(self, direction: Direction | None, client: str | None, now: float, *, told_to_wait: bool) -> int:
        """What is parked is due now."""
        parked = [
            lane
            for lane in self.lanes.values()
            if lane.holder is None
            and (lane.due_at or 0.0) > now
            and (lane.backs_off or told_to_wait)
            and direction in (None, lane.key[0])
            and (lane.slow_deaths < HELD_BACK_FROM if client is None else client == lane.key[1])
        ]
        for lane in parked:
            lane.due_at, lane.backs_off = now, False
        return len(parked)

    def forget(self, before: float) -> None:
        """What was delivered before goes."""
        self.items = [item for item in self.items if item.status != "delivered" or (item.settled_at or 0.0) >= before]

    def revive(self, item: Item, now: float) -> None:
        """A dead letter waits again in its old place."""
        item.status, item.reason, item.attempts, item.settled_at = "waiting", None, 0, None
        self.count(item.key, "revived")
        self.open(item.key, now)

    def drop(self, item: Item) -> None:
        """A dead letter goes for good."""
        self.items.remove(item)
        self.count(item.key, "dropped")

    def erase(self, client: str) -> None:
        """Everything goes that there was of somebody when it was asked for."""
        mark = self.marks.pop(client)
        gone = [item for item in self.items if item.key[1] == client and item.number <= mark.last]
        for item in gone:
            if item.status != "delivered":
                self.count(item.key, "declined" if item.status == "waiting" else "dropped")
        self.items = [item for item in self.items if item not in gone]
        if self.known.get(client, mark.asked_at + 1) <= mark.asked_at:
            del self.known[client]
