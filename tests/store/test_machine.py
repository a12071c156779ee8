"""Whatever is asked of the store in any order, it is as the small model says: on both engines, with several relays.

Longer, with other dice each time: `python -m tests.campaigns.fuzz --examples 1000 tests/store/test_machine.py`.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select, text

from relay.errors import StoreAway
from relay.model import (
    Accepted,
    Address,
    Bury,
    Client,
    Delivered,
    Delivery,
    Direction,
    Draft,
    Letter,
    Lost,
    Reading,
    Result,
    Retry,
    Source,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.customers import Whose
from relay.store.dead_letters import DeadWish
from relay.store.engine.commit import Database, committing
from relay.store.engine.connection import Connection
from relay.store.engine.lock import StoreLockedError
from relay.store.engine.migrating import HEAD
from relay.store.engine.postgresql import PostgreSQL, connect
from relay.store.engine.replica import Replica
from relay.store.engine.sqlite import open_sqlite
from relay.store.engine.tables import lane, outbox
from relay.store.hurrying import Hurry
from relay.store.reviving import Revival, Revived
from relay.store.settling import Settled
from relay.store.store import Store
from relay.store.taking_over import Inquest, take_over
from tests.databases import new_database
from tests.examples import portions
from tests.model.store import Item, Key, Lane, Mark, Model, Run
from tests.postgresql import server
from tests.statements import heard
from tests.store.conftest import Clock

Answer = TypeVar("Answer")

#: Examples need no database of their own: each has a channel of its own.
_CHANNELS: Final = count(1)
_CLIENTS: Final = st.sampled_from(["1", "2", "3"])
_DIRECTIONS: Final = st.sampled_from(["to_kit", "to_telegram"])
_WHICH: Final = st.integers(0, 30)
_SOURCES: Final[dict[Direction, Source]] = {"to_kit": "telegram", "to_telegram": "kit"}


@dataclass(slots=True)
class Relay:
    """One of them."""

    name: str  #: Who holds its lanes, in the database's words.
    store: Store
    database: Database
    stack: AsyncExitStack
    said: list[str] = field(default_factory=list)  #: What it says to SQLite.
    cut_off: bool = False  #: Its term is over, and it does not know.
    gone: bool = False  #: Others have gone on with what it had.


@dataclass(slots=True)
class Hand:
    """A claimed run, in the model and as the store gave it."""

    relay: Relay
    run: Run
    deliveries: list[Delivery]


@dataclass(slots=True)
class World:
    """Everything that an example has made."""

    channel: str
    model: Model = field(default_factory=Model)
    relays: list[Relay] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)


class StoreMachine(RuleBasedStateMachine):
    """What both engines can do.

    No rule has a precondition: who wins a race is not known, and what Hypothesis draws must not depend on it. A rule
    for which there is nothing to do does nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.world = World(f"{next(_CHANNELS)}")
        self.model = self.world.model
        self.ids = count(1)
        self.start()

    def opened(self) -> Coroutine[Any, Any, Relay]:
        """One more relay on the database."""
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Let the relays do it."""
        return self.runner.run(work)

    def start(self) -> None:
        """One more relay begins."""
        self.world.relays.append(self.run(self.opened()))

    @property
    def alive(self) -> list[Relay]:
        """Those that were not taken for dead."""
        return [relay for relay in self.world.relays if not relay.gone]

    def any_relay(self, which: int) -> Relay:
        """One of those that may do something."""
        return self.alive[which % len(self.alive)]

    def arrival(self, letters: Sequence[tuple[str, str, Key]]) -> Arrival:
        """Letters by their ids, bodies and lanes."""
        return Arrival(tuple(map(self._letter, letters)), self.world.channel)

    def _letter(self, letter: tuple[str, str, Key]) -> tuple[Letter, Reading]:
        source_id, body, (direction, client) = letter
        link = Client(client, Address(int(client))) if direction == "to_kit" else None
        outcome = Accepted(Draft(direction, client, f"{direction} {source_id}"), link)
        came = Letter(self.world.channel, _SOURCES[direction], source_id, body)
        return came, Reading(lambda _: outcome, Wants(client))

    def expect(self, letters: Sequence[tuple[str, str, Key]]) -> list[str]:
        """What becomes of letters that are new or not, in the model."""
        return [self._expected(*letter) for letter in letters]

    def _expected(self, source_id: str, body: str, key: Key) -> str:
        name = _SOURCES[key[0]], source_id
        if name in self.model.letters:
            return "duplicate" if self.model.letters[name] == body else "tampered"
        self.model.letters[name] = body
        if key[0] == "to_kit":
            self.model.known.setdefault(key[1], self.clock())
        elif key[1] not in self.model.known:
            self.model.count(key, "received", "declined", "unknown_client")
            return "unknown_client"
        self.model.accept(key, f"{key[0]} {source_id}", self.clock())
        return "accepted"

    def new_letters(self, keys: Sequence[Key]) -> list[tuple[str, str, Key]]:
        """One for each lane."""
        numbers = [str(next(self.ids)) for _ in keys]
        return [(number, f"body of {number}", key) for number, key in zip(numbers, keys, strict=True)]

    # --- What comes in.

    @rule(which=_WHICH, keys=st.lists(st.tuples(_DIRECTIONS, _CLIENTS), min_size=1, max_size=4))
    def accept(self, which: int, keys: list[Key]) -> None:
        """New letters, in one batch."""
        letters = self.new_letters(keys)
        verdicts = self.run(self.any_relay(which).store.accept(self.arrival(letters)))
        assert verdicts == self.expect(letters)

    @rule(which=_WHICH, of=_WHICH, changed=st.booleans())
    def accept_again(self, which: int, of: int, *, changed: bool) -> None:
        """A letter that came before, as it was or with other words."""
        if not self.model.letters:
            return
        names = list(self.model.letters)
        source, source_id = names[of % len(names)]
        direction: Direction = "to_kit" if source == "telegram" else "to_telegram"
        body = "other words" if changed else self.model.letters[source, source_id]
        letters = [(source_id, body, (direction, "1"))]
        verdicts = self.run(self.any_relay(which).store.accept(self.arrival(letters)))
        assert verdicts == self.expect(letters)

    @rule(which=_WHICH, key=st.tuples(_DIRECTIONS, _CLIENTS))
    def accept_beside_what_fails(self, which: int, key: Key) -> None:
        """What shares a transaction with something that breaks it is there all the same."""
        relay, letters = self.any_relay(which), self.new_letters([key])
        asked = (relay.store.accept(self.arrival(letters)), relay.database.run(_break, None))
        verdicts, broken = self.run(_all(*asked))
        assert verdicts == self.expect(letters)
        assert isinstance(broken, ZeroDivisionError)

    # --- What goes out.

    @rule(which=_WHICH, direction=_DIRECTIONS, limit=st.integers(1, 3), run=st.integers(1, 3), suspects=st.booleans())
    def claim(self, which: int, direction: Direction, limit: int, run: int, *, suspects: bool) -> None:
        """The longest due lanes come into its hand, and of each the oldest deliveries."""
        relay, due = self.any_relay(which), self.model.due(direction, self.clock(), suspects=suspects)
        claimed = self.run(relay.store.claim(self.world.channel, direction, limit, run, suspects=suspects))
        self.take(relay, claimed.lanes, direction, run, suspects=suspects)
        assert len(claimed.lanes) == min(limit, len(due))
        if not suspects and len(due) > limit:
            taken = max(each.due_at or 0.0 for each in due if each.holder is not None)
            assert all((each.due_at or 0.0) >= taken for each in due if each.holder is None)
        left = self.model.parked(direction, suspects=suspects)
        assert claimed.next_due_at == min((each.due_at for each in left if each.due_at is not None), default=None)

    @rule(which=_WHICH, key=st.tuples(_DIRECTIONS, _CLIENTS), run=st.integers(1, 3), fresh=st.integers(0, 2))
    def accept_and_claim(self, which: int, key: Key, run: int, fresh: int) -> None:
        """In one transaction, as a courier does who is woken for what is about to be accepted."""
        relay, letters, direction = self.any_relay(which), self.new_letters([key]), key[0]
        before = self.model.lanes.get(key)
        slept = before is not None and before.due_at is None and before.holder is None
        relay.said.clear()
        asked = relay.store.claim(self.world.channel, direction, 2, run, fresh=fresh)
        claimed, verdicts = self.run(_all(asked, relay.store.accept(self.arrival(letters))))
        assert verdicts == self.expect(letters)
        due = self.model.due(direction, self.clock())
        self.take(relay, claimed.lanes, direction, run)
        assert len(claimed.lanes) == min(2, len(due))
        if slept and fresh and due == [before]:
            # SQLite's statements; PostgreSQL's are not listened to.
            assert not any("FROM outbox" in statement for statement in relay.said), "it was not handed over"
        left = self.model.parked(direction)
        assert claimed.next_due_at == min((each.due_at for each in left if each.due_at is not None), default=None)

    def take(
        self, relay: Relay, lanes: list[list[Delivery]], direction: Direction, run: int, *, suspects: bool = False
    ) -> None:
        """The model's lanes come into the same hands. They must have been free, and be whole from their beginning."""
        for deliveries in lanes:
            of = self.model.lanes[direction, deliveries[0].client_id]
            assert of in self.model.due(direction, self.clock(), suspects=suspects), "held by two"
            taken = self.model.claim(relay.name, of, run, alone=suspects)
            assert [each.body for each in deliveries] == [item.body for item in taken.items]
            assert [each.attempts for each in deliveries] == [item.attempts + 1 for item in taken.items]
            assert [each.steps_done for each in deliveries] == [item.steps_done for item in taken.items]
            assert {(each.lease, each.crashes) for each in deliveries} == {(of.lease, of.crashes)}
            self.world.hands.append(Hand(relay, taken, deliveries))

    @rule(
        which=_WHICH,
        result=st.one_of(
            st.just(Delivered()),
            st.builds(
                Retry,
                st.sampled_from([0.0, 5.0, 600.0]),
                st.just("not now"),
                free=st.booleans(),
                backs_off=st.booleans(),
            ),
            st.just(Bury("refused")),
        ),
    )
    def settle(self, which: int, result: Result) -> None:
        """Delivered, parked or refused; by who has it in his hand, or once had."""
        if not self.world.hands:
            return
        hand = self.world.hands[which % len(self.world.hands)]
        delivery, note = hand.deliveries[0], None
        if isinstance(result, Bury):
            result = Bury(result.reason, note=_note)
            note = f"note to {delivery.client_id}" if delivery.client_id in self.model.known else None
        last = len(hand.deliveries) == 1
        settled = self.answer(hand, hand.relay.store.settle(delivery, result, last=last))
        if settled and not self.model.settle(hand.run, result, delivery.attempts, self.clock(), note=note):
            del hand.deliveries[0]
        else:
            self.world.hands.remove(hand)

    @rule()
    def settle_all(self) -> None:
        """The first of every hand is delivered, all at once."""
        if not self.world.hands:
            return
        hands = list(self.world.hands)
        asked = [
            hand.relay.store.settle(hand.deliveries[0], Delivered(), last=not hand.deliveries[1:]) for hand in hands
        ]
        for hand, settled in zip(hands, self.run(_all(*asked)), strict=True):
            self.check(hand, settled)
            first = hand.deliveries.pop(0)
            if (
                isinstance(settled, StoreAway)
                or not settled
                or self.model.settle(hand.run, Delivered(), first.attempts, self.clock())
            ):
                self.world.hands.remove(hand)

    @rule(which=_WHICH, acquitted=st.booleans())
    def progress(self, which: int, *, acquitted: bool) -> None:
        """A step is confirmed."""
        if not self.world.hands:
            return
        hand = self.world.hands[which % len(self.world.hands)]
        steps = hand.run.items[0].steps_done + 1
        if self.answer(hand, hand.relay.store.note_progress(hand.deliveries[0], steps, acquitted=acquitted)):
            self.model.progress(hand.run, acquitted=acquitted)
        else:
            self.world.hands.remove(hand)

    @rule(which=_WHICH)
    def lose(self, which: int) -> None:
        """A part of it gets no further."""
        if not self.world.hands:
            return
        hand = self.world.hands[which % len(self.world.hands)]
        delivery = hand.deliveries[0]
        rest = f"the rest of {delivery.body}"
        if self.answer(hand, hand.relay.store.rewrite(delivery, rest, Lost("a part", "no", "gave_up"))):
            hand.deliveries[0] = replace(delivery, body=rest)
            self.model.lose(hand.run, "no", delivery.attempts, self.clock())
        else:
            self.world.hands.remove(hand)

    @rule(which=_WHICH)
    def acquit(self, which: int) -> None:
        """It has been out for long."""
        if not self.world.hands:
            return
        hand = self.world.hands[which % len(self.world.hands)]
        if not hand.relay.gone:
            self.run(hand.relay.store.acquit(hand.deliveries[0]))
            if self.model.is_held(hand.run):
                self.model.acquit(hand.run)

    def answer(self, hand: Hand, asked: Awaitable[bool | Settled]) -> bool:
        """Whether what was reported counts, which it does only while the lane is in that hand."""
        [answer] = self.run(_all(asked))
        self.check(hand, answer)
        return not isinstance(answer, StoreAway) and bool(answer)

    def check(self, hand: Hand, answer: object) -> None:
        """Who was taken for dead gets no answer but this."""
        if hand.relay.gone:
            assert isinstance(answer, StoreAway)
        else:
            assert bool(answer) is self.model.is_held(hand.run)

    # --- What people ask for, and time.

    @rule(
        which=_WHICH,
        direction=st.none() | _DIRECTIONS,
        client=st.none() | _CLIENTS,
        told_to_wait=st.booleans(),
    )
    def hurry(self, which: int, direction: Direction | None, client: str | None, *, told_to_wait: bool) -> None:
        """What is parked is due now."""
        wish = Hurry(self.world.channel, direction, client, told_to_wait)
        hurried = self.run(self.any_relay(which).store.hurry(wish))
        assert hurried == self.model.hurry(direction, client, self.clock(), told_to_wait=told_to_wait)

    @rule(seconds=st.sampled_from([0.5, 5.0, 600.0]))
    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.advance(seconds)

    @rule(which=_WHICH, age=st.sampled_from([0.0, 5.0, 600.0]))
    def forget(self, which: int, age: float) -> None:
        """Retention."""
        before, store = self.clock() - age, self.any_relay(which).store
        while self.run(store.forget(before)):
            pass
        self.model.forget(before)

    @rule(which=_WHICH, of=_WHICH, wanted=st.booleans())
    def mend(self, which: int, of: int, *, wanted: bool) -> None:
        """A dead letter is retried or thrown away."""
        if not self.model.dead():
            return
        dead, store = self.model.dead(), self.any_relay(which).store
        number = of % len(dead)
        found = self.run(store.find_dead(DeadWish(self.world.channel))).letters
        assert [(each.body, each.reason) for each in found] == [(item.body, item.reason) for item in dead]
        if wanted:
            assert self.run(store.revive(Revival(found[number].id, None))) == Revived("waiting")
            self.model.revive(dead[number], self.clock())
        else:
            assert self.run(store.drop(found[number].id))
            self.model.drop(dead[number])

    @rule(which=_WHICH, client=_CLIENTS)
    def ask_erasure(self, which: int, client: str) -> None:
        """Somebody is to be erased; until that is done, life goes on."""
        self.run(self.any_relay(which).store.ask_erasure(Whose(self.world.channel, client)))
        self.model.marks[client] = Mark(self.model.last, self.clock())

    @rule(which=_WHICH, of=_WHICH)
    def erase(self, which: int, of: int) -> None:
        """It is done. What is in flight is nobody's any more."""
        if not self.model.marks:
            return
        self.finish(self.any_relay(which).store, list(self.model.marks)[of % len(self.model.marks)])

    def finish(self, store: Store, client: str) -> None:
        """Erase to the end."""
        while self.run(store.erase_part(Whose(self.world.channel, client))):
            pass
        self.model.erase(client)
        self.take_from_couriers(client)

    def take_from_couriers(self, client: str) -> None:
        """What is left in an erased one's lanes begins anew; a lane without any is gone."""
        for key, of in list(self.model.lanes.items()):
            if key[1] != client:
                continue
            if not any(item.key == key for item in self.model.items):
                del self.model.lanes[key]
                continue
            if of.holder is not None:
                of.holder = of.blame = None
                of.lease += 1
                of.due_at = self.clock()
            self.model.begin_anew(of, self.clock())

    # --- What must be so after each step.

    @invariant()
    def it_is_as_the_model_says(self) -> None:
        """Nothing is lost, nothing there twice, in order, each lane in the hand that has it; and the sums add up."""
        lanes, items = self.run(self.alive[-1].database.run(_look, self.world.channel))
        assert items == [_item(item) for item in self.model.items]
        assert lanes == sorted(_lane(each) for each in self.model.lanes.values())
        counts = self.run(self.alive[-1].store.count(self.world.channel))
        assert counts.totals == self.model.counts
        for direction in ("to_kit", "to_telegram"):
            total = {name: number for (of, name), number in counts.totals.items() if of == direction}
            came = total.get("received", 0) + total.get("revived", 0)
            ended = sum(total.get(name, 0) for name in ("delivered", "dead", "declined"))
            assert came == ended + counts.waiting.get(direction, 0)

    def teardown(self) -> None:
        """Nobody is left."""
        for relay in self.world.relays:
            self.run(relay.stack.aclose())
        self.runner.close()


class OnSQLite(StoreMachine):
    """One process has the file."""

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.path = new_database(Path(self.directory.name))
        super().__init__()

    async def opened(self) -> Relay:
        """The file's one relay."""
        stack = AsyncExitStack()
        database = await stack.enter_async_context(open_sqlite(self.path, now=self.clock))
        store = Store(database, self.clock)
        await store.release_all()
        return Relay("the start", store, database, stack, await heard(database))

    @rule()
    def restart(self) -> None:
        """Whatever it had in its hands, the next process has everything."""
        [before] = self.alive
        self.run(before.stack.aclose())
        self.world.relays, self.world.hands = [], []
        self.start()
        self.model.die(None, self.clock())

    @rule()
    def start_another(self) -> None:
        """A second one gets nothing."""
        with pytest.raises(StoreLockedError):
            self.run(self.opened())

    def teardown(self) -> None:
        """Nothing is left."""
        super().teardown()
        self.directory.cleanup()


class OnPostgreSQL(StoreMachine):
    """Up to three relays on one database, of which some are cut off."""

    server = staticmethod(server)

    def __init__(self) -> None:
        self.url = self.server()
        self.engine = connect(self.url)
        super().__init__()

    async def opened(self) -> Relay:
        """One of several. When it ends, and when it is taken for dead, is the machine's matter: it has no beat."""
        stack = AsyncExitStack()
        engine = connect(self.url)
        stack.callback(engine.dispose)
        replica = Replica(engine)
        replica.join(HEAD)
        stack.callback(replica.leave)
        postgresql = PostgreSQL(engine, replica, HEAD)
        stack.callback(postgresql.close)
        database = await stack.enter_async_context(committing(postgresql, self.clock))
        await database.run(take_over, Inquest(lambda: False, at_start=True))
        return Relay(replica.id, Store(database, self.clock, replica), database, stack)

    @initialize()
    def there_are_two(self) -> None:
        """From the beginning."""
        self.start()

    @rule()
    def another_starts(self) -> None:
        """It finds what the others left."""
        if len(self.alive) == 3:
            return
        self.start()

    @property
    def sound(self) -> list[Relay]:
        """Those that beat."""
        return [relay for relay in self.alive if not relay.cut_off]

    @rule(which=_WHICH)
    def cut_off(self, which: int) -> None:
        """Its term is over, and it goes on as long as nobody has taken it for dead."""
        if len(self.sound) < 2:
            return
        self.sound[which % len(self.sound)].cut_off = True

    @rule(which=_WHICH)
    def stop(self, which: int) -> None:
        """It says goodbye with full hands."""
        if len(self.sound) < 2:
            return
        relay = self.sound[which % len(self.sound)]
        self.run(relay.stack.aclose())
        self.world.relays.remove(relay)
        self.world.hands = [hand for hand in self.world.hands if hand.relay is not relay]
        self.bury([relay], witnessed=False)

    @rule()
    def take_over(self) -> None:
        """Another one goes on with what those had who were cut off."""
        if not any(relay.cut_off for relay in self.alive):
            return
        self.bury([relay for relay in self.alive if relay.cut_off], witnessed=True)

    def bury(self, relays: list[Relay], *, witnessed: bool) -> None:
        """Somebody who is well takes them for dead."""
        names = [relay.name for relay in relays]
        with self.engine.begin() as connection:
            connection.execute(_TERMS, {"over": names})
        released = self.run(self.sound[0].database.run(take_over, Inquest(lambda: witnessed)))
        assert released == len([of for of in self.model.lanes.values() if of.holder in names])
        for relay in relays:
            self.model.die(relay.name, self.clock())
            relay.gone = True

    @rule(direction=_DIRECTIONS, limit=st.integers(1, 3))
    def claim_at_once(self, direction: Direction, limit: int) -> None:
        """Two want work at the same moment: no lane comes into two hands."""
        if len(self.alive) < 2:
            return
        one, other = self.alive[:2]
        asked = [relay.store.claim(self.world.channel, direction, limit, 2) for relay in (one, other)]
        due = len(self.model.due(direction, self.clock()))
        claimed = self.run(_all(*asked))
        for relay, each in zip((one, other), claimed, strict=True):
            self.take(relay, each.lanes, direction, 2)
        assert sum(len(each.lanes) for each in claimed) >= min(1, due)

    @rule(key=st.tuples(_DIRECTIONS, _CLIENTS))
    def accept_at_once(self, key: Key) -> None:
        """The same letter comes to two of them: one has it."""
        if len(self.alive) < 2:
            return
        letters = self.new_letters([key])
        asked = [relay.store.accept(self.arrival(letters)) for relay in self.alive[:2]]
        verdicts = sorted(each for [each] in self.run(_all(*asked)))
        assert verdicts == sorted([*self.expect(letters), *self.expect(letters)])

    @rule(which=_WHICH, key=st.tuples(_DIRECTIONS, _CLIENTS))
    def accept_as_the_connection_breaks(self, which: int, key: Key) -> None:
        """All that shares the transaction is asked for once more, and is there once."""
        relay, letters, breaks = self.any_relay(which), self.new_letters([key]), iter([True])
        asked = (relay.store.accept(self.arrival(letters)), relay.database.run(_hang_up, breaks))
        verdicts, _ = self.run(_all(*asked))
        assert verdicts == self.expect(letters)

    def teardown(self) -> None:
        """Nothing is left."""
        super().teardown()
        self.engine.dispose()


def _look(tx: Connection, _now: float, channels: Sequence[str]) -> list[tuple[list[Any], list[Any]]]:
    """Lanes and deliveries as they are stored."""
    return [(_lanes(tx, channel), _items(tx, channel)) for channel in channels]


def _lanes(tx: Connection, channel: str) -> list[Any]:
    columns = (lane.c.direction, lane.c.client_id, lane.c.due_at, lane.c.backs_off, lane.c.lease, lane.c.leased)
    found = tx.execute(
        select(*columns, lane.c.holder, lane.c.crashes, lane.c.slow_deaths, lane.c.blame)
        .where(lane.c.channel == channel)
        .order_by(lane.c.direction, lane.c.client_id)
    )
    return [(*row[:5], row[6] or "the start" if row[5] else None, *row[7:]) for row in map(tuple, found)]


def _items(tx: Connection, channel: str) -> list[Any]:
    columns = (outbox.c.body, outbox.c.status, outbox.c.reason, outbox.c.attempts, outbox.c.steps_done)
    found = tx.execute(
        select(lane.c.direction, lane.c.client_id, *columns, outbox.c.settled_at)
        .select_from(outbox.join(lane, lane.c.id == outbox.c.lane_id))
        .where(outbox.c.channel == channel)
        .order_by(outbox.c.id)
    )
    return [tuple(row) for row in found]


def _lane(of: Lane) -> tuple[Any, ...]:
    return (*of.key, of.due_at, of.backs_off, of.lease, of.holder, of.crashes, of.slow_deaths, of.blame)


def _item(item: Item) -> tuple[Any, ...]:
    return (*item.key, item.body, item.status, item.reason, item.attempts, item.steps_done, item.settled_at)


def _note(client: Client) -> Accepted:
    return Accepted(Draft("to_kit", client.client_id, f"note to {client.client_id}"))


def _break(_tx: Connection, _now: float, _items: Sequence[None]) -> list[None]:
    raise ZeroDivisionError


def _hang_up(tx: Connection, _now: float, items: Sequence[Iterator[bool]]) -> list[None]:
    if any(next(breaks, False) for breaks in items):
        tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    return [None] * len(items)


async def _all(*asked: Awaitable[Any]) -> list[Any]:
    """All at once; errors as answers."""
    return await asyncio.gather(*asked, return_exceptions=True)


#: Those are over, and all others last; who said goodbye has none.
_TERMS: Final = text(
    "UPDATE replica SET until = clock_timestamp() + CASE WHEN id = ANY(:over) THEN interval '-1 hour'"
    " ELSE interval '1 hour' END WHERE until <> '-infinity'"
)

TestOnSQLite = OnSQLite.TestCase
TestOnPostgreSQL = OnPostgreSQL.TestCase
TestOnSQLite.settings = settings(portions(0.12), stateful_step_count=50)
TestOnPostgreSQL.settings = settings(portions(0.1), stateful_step_count=50)
