"""What is PostgreSQL's alone: who holds the database, what an outage is, and what is somebody's own fault."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from psycopg import Connection as Driver
from psycopg import DataError, OperationalError
from sqlalchemy import text

import relay.delivery.courier
from relay.app import look_for_work
from relay.delivery.attempt import Attempt
from relay.delivery.calls import Calls
from relay.delivery.courier import Courier
from relay.delivery.suspects import Suspects
from relay.errors import StoreAway, StoreUnavailable
from relay.model import Delivered, Delivery, Draft, Retry
from relay.monitoring.metrics import Metrics
from relay.store.away import Notices
from relay.store.callbacks import CallbacksSeen
from relay.store.claiming import Claim, Claimed, claim
from relay.store.engine.connection import Connection, Row
from relay.store.engine.migrating import HEAD
from relay.store.engine.postgresql import connect, open_postgresql
from relay.store.engine.sql import insert
from relay.store.engine.tables import known_event, polling_offset
from relay.store.hurrying import Hurry
from relay.store.settling import Settled
from relay.store.store import open_store
from tests.postgresql import empty_postgresql, server_away
from tests.store.letters import CHANNEL, together, update
from tests.waiting import eventually


@pytest.fixture
def url() -> str:
    return empty_postgresql()


def execute(url: str, statement: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def found(url: str, select: str) -> list[object]:
    engine = connect(url)
    with engine.connect() as connection:
        rows = list(connection.scalars(text(select)))
    engine.dispose()
    return rows


async def test_who_is_taken_for_dead_commits_nothing(url: str) -> None:
    """A relay with whose work others go on can write nothing any more, whatever its own clock says."""
    async with open_store(url) as store, open_store(url) as other:
        assert await store.accept(update(1)) == ["accepted"]
        [delivery] = (await store.claim(CHANNEL, "to_kit", 5)).deliveries
        assert store.holds(delivery)
        execute(url, "UPDATE replica SET id = 'dead', until = '-infinity' WHERE id = (SELECT holder FROM lane)")
        execute(url, "UPDATE lane SET holder = 'dead'")
        with pytest.raises(StoreUnavailable, match="has taken this one for dead"):
            await store.accept(update(2))

        async def joined_again() -> bool:
            with suppress(StoreUnavailable):
                await store.next_update_id(CHANNEL)
                return not found(url, "SELECT id FROM replica WHERE id = 'dead'")
            return False

        await eventually(joined_again)
        assert not store.holds(delivery)
        assert not await store.settle(delivery, Delivered())
        [again] = (await other.claim(CHANNEL, "to_kit", 5)).deliveries
        assert again.id == delivery.id


async def test_two_relays_share_the_lanes(url: str) -> None:
    """What one has in its hands the other cannot get; both accept, and each settles its own."""
    async with open_store(url) as one, open_store(url) as other:
        for number in range(1, 9):
            await (one, other)[number % 2].accept(update(number, str(number)))
        ours, theirs = await one.claim(CHANNEL, "to_kit", 5), await other.claim(CHANNEL, "to_kit", 5)
        held = [{each.client_id for each in claimed.deliveries} for claimed in (ours, theirs)]
        assert [len(each) for each in held] == [5, 3]
        assert held[0] & held[1] == set()
        assert [await one.settle(each, Delivered()) for each in ours.deliveries] == [Settled.DONE] * 5
        assert [await other.settle(each, Delivered()) for each in theirs.deliveries] == [Settled.DONE] * 3


async def test_a_glance_sees_what_nobody_has(url: str) -> None:
    """What one has accepted the other sees at a glance; not what is in somebody's hands, nor what is due later."""
    async with open_store(url) as one, open_store(url) as other:
        assert not await other.is_work_left([CHANNEL])
        await one.accept(update(1))
        assert await other.is_work_left([CHANNEL])
        [delivery] = (await one.claim(CHANNEL, "to_kit", 5)).deliveries
        assert not await other.is_work_left([CHANNEL])
        assert await one.settle(delivery, Retry(3600.0, "no answer"))
        assert not await other.is_work_left([CHANNEL])


async def test_a_vacuum_holds_up_nobody_and_ends_with_the_relay(url: str) -> None:
    """Messages go on beside one that takes long, here since somebody has a table. Who ends does not wait for it."""
    engine = connect(url)
    vacuums = "SELECT pid FROM pg_stat_activity WHERE query = 'VACUUM' AND wait_event_type = 'Lock'"

    async def vacuum_waits() -> bool:
        return bool(found(url, vacuums))

    with engine.begin() as somebody:
        somebody.execute(text("LOCK TABLE unknown_client IN SHARE UPDATE EXCLUSIVE MODE"))
        async with asyncio.timeout(90):
            async with open_store(url) as store:
                removing = asyncio.create_task(store.remove_bytes())
                await eventually(vacuum_waits)
                assert await store.accept(update(1)) == ["accepted"]
                removing.cancel()
            assert not await vacuum_waits()
    engine.dispose()


async def test_a_vacuum_that_cannot_be_broken_off_is_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to the server may be gone just then: whoever ends does so without an error."""
    engine = connect(url)
    waiting = "SELECT pid FROM pg_stat_activity WHERE query = 'VACUUM' AND wait_event_type = 'Lock'"

    async def vacuum_waits() -> bool:
        return bool(found(url, waiting))

    with engine.connect() as somebody:
        somebody.execute(text("LOCK TABLE unknown_client IN SHARE UPDATE EXCLUSIVE MODE"))

        def fail(_connection: object) -> None:
            somebody.rollback()
            raise OperationalError("no route to host")

        monkeypatch.setattr(Driver, "cancel", fail)
        async with asyncio.timeout(90), open_store(url) as store:
            removing = asyncio.create_task(store.remove_bytes())
            await eventually(vacuum_waits)
    await removing
    engine.dispose()


async def test_each_counts_for_itself(url: str) -> None:
    """While one commits the other does so too; what is read is the sum, and who is gone leaves no rows behind."""
    async with open_store(url) as one:
        assert await one.accept(update(1)) == ["accepted"]
        await one.note_callbacks(CallbacksSeen(CHANNEL, accepted=True))
        async with open_store(url) as other:
            engine = connect(url)
            with engine.begin() as connection:  # as a commit of the first one does
                connection.execute(text("SELECT FROM tally FOR UPDATE"))
                connection.execute(text("UPDATE callback_record SET accepted_at = 1"))
                async with asyncio.timeout(90):
                    assert await other.accept(update(2)) == ["accepted"]
                    await other.note_callbacks(CallbacksSeen(CHANNEL, accepted=True))
            engine.dispose()
            assert len(found(url, "SELECT writer FROM tally WHERE writer <> ''")) == 2
            assert (await other.find_callbacks(CHANNEL)).accepted_at == 1
            for store in (one, other):
                assert (await store.count(CHANNEL)).totals == {("to_kit", "received"): 2}
        assert await one.accept(update(3)) == ["accepted"]

        async def is_folded() -> bool:
            return found(url, "SELECT total FROM tally ORDER BY writer = '' DESC") == [1, 2]

        await eventually(is_folded)
        assert (await one.count(CHANNEL)).totals == {("to_kit", "received"): 3}
    async with open_store(url) as third:
        assert (await third.count(CHANNEL)).totals == {("to_kit", "received"): 3}
        assert found(url, "SELECT total FROM tally WHERE writer = ''") == [3]


async def test_what_is_counted_adds_up_while_another_one_commits(url: str) -> None:
    """Between two statements of one look another relay may commit: so there is but one."""
    async with open_store(url) as one, open_store(url) as other:

        async def work() -> None:
            for number in range(1, 41):
                await one.accept(update(number))
                for delivery in (await one.claim(CHANNEL, "to_kit", 5)).deliveries:
                    assert await one.settle(delivery, Delivered())

        working = asyncio.create_task(work())
        while not working.done():
            counts = await other.count(CHANNEL)
            done = counts.totals.get(("to_kit", "delivered"), 0) + counts.waiting.get("to_kit", 0)
            assert counts.totals.get(("to_kit", "received"), 0) == done
        await working


async def test_what_a_dead_relay_had_is_taken_over(url: str) -> None:
    """Not before its term is over; then another has it within moments, and the death is on the lane's account."""
    again: list[Delivery] = []
    async with open_store(url) as one:
        await one.accept(update(1))
        [delivery] = (await one.claim(CHANNEL, "to_kit", 5)).deliveries
        async with open_store(url) as other:
            execute(
                url,
                "UPDATE replica SET id = 'dead', until = clock_timestamp() + interval '1 hour'"
                " WHERE id = (SELECT holder FROM lane); UPDATE lane SET holder = 'dead'",
            )
            assert (await other.claim(CHANNEL, "to_kit", 5)).deliveries == []
            execute(url, "UPDATE replica SET until = clock_timestamp() - interval '1 second' WHERE id = 'dead'")

            async def has_it() -> bool:
                again.extend((await other.claim(CHANNEL, "to_kit", 5)).deliveries)
                return bool(again)

            await eventually(has_it, within=15)
            assert [(each.id, each.crashes, each.lease) for each in again] == [(delivery.id, 1, delivery.lease + 1)]
            assert await other.settle(again[0], Delivered())
            assert await other.unclean_ends() == 1
        assert not await one.settle(delivery, Delivered())


async def test_a_death_with_a_delivery_out_for_long_is_counted_by_who_takes_over(url: str) -> None:
    """Then it is held back as after a restart, until a person names it, and everybody else's goes on."""
    async with open_store(url) as one, open_store(url) as other:
        await one.accept(update(1, client="7"))
        await one.accept(update(2, client="8"))
        for delivery in (await one.claim(CHANNEL, "to_kit", 5)).deliveries:
            await one.acquit(delivery)
        execute(
            url,
            "UPDATE replica SET id = 'dead', until = clock_timestamp() - interval '1 second'"
            " WHERE id = (SELECT max(holder) FROM lane); UPDATE lane SET holder = 'dead';"
            " UPDATE lane SET slow_deaths = 2 WHERE client_id = '7'",
        )
        again: list[str] = []

        async def has_it() -> bool:
            again.extend(each.client_id for each in (await other.claim(CHANNEL, "to_kit", 5)).deliveries)
            return bool(again)

        await eventually(has_it, within=15)
        assert again == ["8"]
        assert await other.hurry(Hurry(CHANNEL, "to_kit", told_to_wait=True)) == 0
        assert await other.hurry(Hurry(CHANNEL, client="7", told_to_wait=True)) == 1
        assert await has_it()
        assert again == ["8", "7"]


async def test_they_share_a_pace_by_who_has_something_to_send(url: str) -> None:
    """At first equally; then who has a backlog gets nearly all, the other one keeps a little; together it is one."""
    async with open_store(url) as one, open_store(url) as other:

        async def both_live() -> bool:
            return one.others == other.others == 1

        await eventually(both_live)
        assert (one.part(CHANNEL, 40), other.part(CHANNEL, 0)) == (0.5, 0.5)

        async def is_told() -> bool:
            return one.part(CHANNEL, 40) > 0.9 and other.part(CHANNEL, 0) < 0.1

        await eventually(is_told)
        assert one.part(CHANNEL, 40) + other.part(CHANNEL, 0) == pytest.approx(1)


async def test_two_relays_tell_a_customer_once(url: str) -> None:
    """Both find at the same moment that somebody waits, or waits no more: one of them says so."""
    waits = Notices(CHANNEL, lambda client: Draft("to_telegram", client.client_id, "it waits"))
    arrived = Notices(CHANNEL, lambda client: Draft("to_telegram", client.client_id, "it has arrived"))
    async with open_store(url) as one, open_store(url) as other:
        await one.accept(together(*(update(number, str(number)) for number in range(1, 51))))
        await asyncio.gather(one.tell_waiting(waits), other.tell_waiting(waits))
        assert (await one.count(CHANNEL)).waiting["to_telegram"] == 50
        for delivery in (await other.claim(CHANNEL, "to_kit", 100)).deliveries:
            assert await other.settle(delivery, Delivered())
        await asyncio.gather(one.tell_arrived(arrived), other.tell_arrived(arrived))
        assert (await one.count(CHANNEL)).waiting["to_telegram"] == 100


async def test_a_server_that_is_away_is_waited_for(url: str) -> None:
    """For longer than a term: nothing sets out meanwhile, and then all go on with what they had in their hands."""
    async with open_store(url, duties=["a"]) as one, open_store(url, duties=["b"]) as other:
        assert await one.accept(update(1)) == ["accepted"]
        [delivery] = (await one.claim(CHANNEL, "to_kit", 5)).deliveries
        attempt = Attempt(delivery, one, asyncio.Event(), Calls(), age=0.0)
        with attempt.calling():
            pass

        async def both_wait() -> bool:
            return not (one.has_duty("a") or other.has_duty("b"))

        async def both_go_on() -> bool:
            return one.has_duty("a") and other.has_duty("b")

        with server_away(url):
            await eventually(both_wait)
            with pytest.raises(StoreUnavailable), attempt.calling():
                pytest.fail("set out")
            with pytest.raises(StoreUnavailable, match="out of reach"):
                await other.accept(update(2))
            assert other.failure is not None
        await eventually(both_go_on)
        assert await other.accept(update(2)) == ["accepted"]
        assert other.failure is None
        assert await one.settle(delivery, Delivered())


async def test_a_claim_whose_commit_was_not_heard_of_is_found(url: str) -> None:
    """The lanes are leased and nobody carries them: they are let go of, and nobody is charged."""
    unheard: list[Claimed] = []

    def claim_and_fall(tx: Connection, now: float, wishes: Sequence[Claim]) -> list[Claimed]:
        claimed = claim(tx, now, wishes)
        if not unheard:
            unheard.extend(claimed)
            tx.exec_driver_sql("COMMIT")
            tx.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return claimed

    async with open_store(url) as other, open_postgresql(url, HEAD) as (database, _):
        await other.accept(update(1))
        claimed = await database.run(claim_and_fall, Claim(CHANNEL, "to_kit", 5, 1, suspects=False))
        [lost], [found] = unheard[0].deliveries, claimed.deliveries
        assert (found.id, found.lease, found.crashes) == (lost.id, lost.lease + 1, 0)


async def test_rows_that_come_together_are_planned_once(url: str) -> None:
    """And whatever has something to choose is planned each time, for the tables as they are."""

    def look(tx: Connection, _now: float, wishes: Sequence[None]) -> list[Sequence[Row]]:
        tx.execute(insert(known_event), [{"id": bytes([number]) * 16, "body": bytes(16)} for number in range(20)])
        return [tx.execute(_PLANS) for _ in wishes]

    async with open_postgresql(url, HEAD) as (database, _):
        [row] = await database.run(look, None)
        assert row.generic_plans > row.custom_plans
        assert (row.mode, row.seqscan) == ("force_custom_plan", "on")


_PLANS = text(
    "SELECT generic_plans, custom_plans, current_setting('plan_cache_mode') AS mode,"
    " current_setting('enable_seqscan') AS seqscan"
    " FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO known_event%'"
)


async def test_a_duty_is_one_relays_until_it_goes(url: str) -> None:
    """Two want the same one: one has it; when that one goes, the other has it at once."""
    async with open_store(url, duties=["poll 1"]) as one:
        assert one.has_duty("poll 1")
        async with open_store(url, duties=["poll 1"]) as other:
            assert not other.has_duty("poll 1")
            assert other.others == 1
            assert {(each.duties, each.is_me) for each in other.members} == {(("poll 1",), False), ((), True)}
            async with open_store(url, duties=None) as visit:
                assert visit.others == 2

            async def is_seen() -> bool:
                return one.others == 1

            await eventually(is_seen)
        assert one.has_duty("poll 1")

        async def is_alone() -> bool:
            return one.others == 0

        await eventually(is_alone)
        assert one.has_company, "what the other one left is looked for still"
    async with open_store(url, duties=["poll 1"]) as third:
        assert third.has_duty("poll 1")


async def test_the_last_of_two_looks_for_what_the_other_one_left(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody wakes its courier for that, whose own looks are rare; here there are none."""
    monkeypatch.setattr(relay.delivery.courier, "_LOOK", 3600.0)
    came, stop = asyncio.Event(), asyncio.Event()

    async def carry(_attempt: Attempt) -> bool:
        came.set()
        return True

    async with open_store(url) as one, asyncio.TaskGroup() as tasks:
        suspects = Suspects(head_start=3600.0)  # nor does it look for those
        last = Courier(CHANNEL, "to_kit", one, carry, Metrics().of_channel(CHANNEL), suspects=suspects)
        tasks.create_task(last.run(stop))
        async with open_store(url) as other:
            await other.accept(update(1))
            assert (await other.claim(CHANNEL, "to_kit", 1)).deliveries

            async def knows_the_other() -> bool:
                return one.others == 1

            await eventually(knows_the_other)

        async def is_alone() -> bool:
            return one.others == 0

        await eventually(is_alone)
        assert not came.is_set()
        looking = tasks.create_task(look_for_work(one, [last]))
        async with asyncio.timeout(30):
            await came.wait()
        looking.cancel()
        stop.set()


async def test_a_lost_connection_is_an_outage_that_ends(url: str) -> None:
    """When the server ends every session, what was asked for comes to nothing or is done, and then it goes on."""
    async with open_store(url) as store:
        assert await store.accept(update(1)) == ["accepted"]
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname <> ''",
        )
        try:
            assert await store.accept(update(2)) == ["accepted"]
        except StoreUnavailable:
            assert await store.accept(update(2)) == ["accepted"]
        assert await store.next_update_id(CHANNEL) == 3


@pytest.mark.parametrize(
    ("channel", "number"), [("x", 99999999999999999999), ("x" * 33, 1), ("a\0b", 1)], ids=["number", "length", "NUL"]
)
async def test_data_that_do_not_fit_are_no_outage(url: str, channel: str, number: int) -> None:
    """What no column holds is the fault of who brought it: its neighbours are committed."""

    def unfit(tx: Connection, _now: float, items: Sequence[None]) -> list[None]:
        tx.execute(insert(polling_offset), {"channel": channel, "next_update_id": number})
        return [None] * len(items)

    async with open_postgresql(url, HEAD) as (database, _):
        with pytest.raises(DataError):
            await database.run(unfit, None)
        assert database.failure is None


async def test_a_start_without_the_server_says_what_is_wrong() -> None:
    """Whether nobody answers, or a table is missing that the first beat needs: one kind of error, in a line."""
    url = empty_postgresql()
    with server_away(url), pytest.raises(StoreAway, match="No such file"):
        async with open_store(url):
            pytest.fail("opened")
    with renamed(url, "duty", "elsewhere"), pytest.raises(StoreAway, match=r"^relation \"duty\" does not exist$"):
        async with open_store(url):
            pytest.fail("opened")


@contextmanager
def renamed(url: str, table: str, name: str) -> Iterator[None]:
    """While the block runs a table is not where it should be. Other tests have the same database after this one."""
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO {table}"))
        engine.dispose()
