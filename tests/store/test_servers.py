"""The store's promises on a PostgreSQL of other people: an older version, and behind a PgBouncer in transaction mode.

What is told apart by a version or by a session is asked of both: locks, leases, duties, upserts, lists of keys, what a
lost connection means, and whatever the state machine comes upon. Everything else is asked of the newest version.
"""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import text

from relay.store.engine.postgresql import connect
from relay.store.store import open_store
from tests.components import needs
from tests.examples import portions
from tests.postgresql import debian_server, empty_postgresql, pgbouncer
from tests.store.test_accepting import (
    test_a_known_id_with_another_body_is_told_apart_and_changes_nothing as test_tampered,
)
from tests.store.test_accepting import (
    test_what_waits_at_the_same_moment_shares_commits_and_keeps_its_order as test_one_commit,
)
from tests.store.test_albums import test_a_claim_and_a_sibling_at_the_same_moment as test_albums
from tests.store.test_machine import OnPostgreSQL
from tests.store.test_plans import everyday_life, reads_no_whole_table
from tests.store.test_postgresql import (
    test_a_claim_whose_commit_was_not_heard_of_is_found,
    test_a_duty_is_one_relays_until_it_goes,
    test_a_lost_connection_is_an_outage_that_ends,
    test_two_relays_share_the_lanes,
    test_who_is_taken_for_dead_commits_nothing,
)

__all__ = [
    "test_a_claim_whose_commit_was_not_heard_of_is_found",
    "test_a_duty_is_one_relays_until_it_goes",
    "test_a_lost_connection_is_an_outage_that_ends",
    "test_albums",
    "test_one_commit",
    "test_tampered",
    "test_two_relays_share_the_lanes",
    "test_who_is_taken_for_dead_commits_nothing",
]


@pytest.fixture(
    params=[
        pytest.param("debian", marks=needs("postgresql")),
        pytest.param("pgbouncer", marks=needs("pgbouncer")),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    return empty_postgresql(request.param)


@pytest.fixture
def place(url: str) -> str:
    """For those that are asked of a store."""
    return url


async def test_each_verb_of_every_day_runs(url: str) -> None:
    """No statement needs what only the newest version knows, or a session of its own."""
    async with open_store(url) as store:
        await everyday_life(store)


def test_statements_are_read_once_where_a_session_stays(url: str) -> None:
    """Behind PgBouncer the next transaction may be in another session, which knows nothing of them."""
    engine = connect(url)
    with engine.connect() as connection:
        for _ in range(10):
            connection.execute(text("SELECT 1"))
        kept = connection.scalar(text("SELECT count(*) FROM pg_prepared_statements"))
    engine.dispose()
    assert kept == (0 if url == pgbouncer() else 1)


@needs("postgresql")
async def test_no_verb_reads_a_whole_table_there() -> None:
    """Before version 17 a question with a limit that is asked for each row of a join is no join, and has no index."""
    await reads_no_whole_table(empty_postgresql("debian"))


@needs("postgresql")
def test_it_is_another_version() -> None:
    """Else nothing would be tried here."""
    engine = connect(debian_server())
    with engine.connect() as connection:
        assert connection.dialect.server_version_info is not None
        assert connection.dialect.server_version_info < (18,)
    engine.dispose()


class OnDebians(OnPostgreSQL):
    """The older version."""

    server = staticmethod(debian_server)


class BehindPgBouncer(OnPostgreSQL):
    """Each transaction gets another session."""

    server = staticmethod(pgbouncer)


@pytest.mark.parametrize(
    "machine",
    [
        pytest.param(OnDebians, marks=needs("postgresql")),
        pytest.param(BehindPgBouncer, marks=needs("pgbouncer")),
    ],
)
def test_the_state_machine_holds(machine: type[OnPostgreSQL]) -> None:
    """Several relays do whatever they can, and it is as the small model says."""
    run_state_machine_as_test(machine, settings=settings(portions(0.03), stateful_step_count=40))
