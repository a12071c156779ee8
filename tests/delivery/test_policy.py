from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.policy import (
    FRESH_BACK_OFF,
    FRESH_FOR,
    HUNG_BACK_OFF,
    MAX_ATTEMPTS,
    MAX_BACK_OFF,
    MAX_REFUSED_BACK_OFF,
    MAX_SOURCE_ATTEMPTS,
    PATIENCE,
    Circumstances,
    back_off,
    judge,
)
from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceUnavailable,
    Throttled,
    Unavailable,
    Uncertain,
)
from relay.model import Address, Bury, Delivery, Direction, Retry
from tests.examples import portions

NOW = 1_790_000_000.0


def delivery(
    direction: Direction = "to_kit", *, attempts: int = 1, uncertain: int = 0, age: float = 0.0, failing: float = 0.0
) -> Delivery:
    """One that was accepted `age` seconds ago, and whose attempts have failed for `failing` seconds."""
    accepted, since = NOW - age, NOW - failing
    return Delivery(
        1, "1", direction, "7", Address(7), None, "", "", 1, 1, 0, attempts, 0, uncertain, accepted, failing_since=since
    )


CALM = Circumstances(NOW, dice=1.0)
FREE = replace(CALM, free=True)

TABLE = [
    # a refusal is final at once
    (NotAccepted("no"), delivery(), CALM, Bury("no", "refused_content")),
    # a throttle is obeyed to the second and costs nothing, not even at the last attempt; nothing makes it shorter
    (
        Throttled("slow", retry_after=5),
        delivery(attempts=MAX_ATTEMPTS),
        CALM,
        Retry(5, "slow", free=True, asked_for=True),
    ),
    # when all are throttled the gate says when one tries again, and nobody waits longer than the others
    (Throttled("slow", retry_after=3600, of_all=True), delivery(), CALM, Retry(0.0, "slow", free=True)),
    # the first failure waits a second (dice 1.0 of the jitter), the fourth eight
    (Unavailable("500"), delivery(), CALM, Retry(1.0, "500", backs_off=True)),
    (Unavailable("500"), delivery(attempts=4), CALM, Retry(8.0, "500", backs_off=True)),
    # while somebody may be waiting not longer than a minute; later ten
    (Unavailable("500"), delivery(attempts=15, age=3599), CALM, Retry(FRESH_BACK_OFF, "500", backs_off=True)),
    (Unavailable("500"), delivery(attempts=15, age=3600), CALM, Retry(MAX_BACK_OFF, "500", backs_off=True)),
    # the last attempt is the last, but not before an hour is over
    (
        Unavailable("500"),
        delivery(attempts=MAX_ATTEMPTS, failing=PATIENCE),
        CALM,
        Bury(f"gave up after {MAX_ATTEMPTS} attempts: 500"),
    ),
    (
        Unavailable("500"),
        delivery(attempts=99, failing=PATIENCE - 1),
        CALM,
        Retry(FRESH_BACK_OFF, "500", backs_off=True),
    ),
    (
        Unavailable("500"),
        delivery(attempts=MAX_ATTEMPTS - 1, failing=9 * PATIENCE),
        CALM,
        Retry(FRESH_BACK_OFF, "500", backs_off=True),
    ),
    # nobody gets through: that is not held against the delivery
    (Down("refused"), delivery(attempts=3), CALM, Retry(4.0, "refused", free=True, backs_off=True)),
    (Unavailable("500"), delivery(attempts=2), FREE, Retry(4.0, "500", free=True, backs_off=True)),
    # during an outage it goes back at once: the gate lets one at a time pass
    (Down("no"), delivery(attempts=5), replace(CALM, paced=True), Retry(0.0, "no", free=True, backs_off=True)),
    # a file server's outage is its own affair: less patience, and never free, whoever else is down or comes back
    (SourceUnavailable("no file"), delivery("to_telegram", attempts=8), FREE, Retry(128.0, "no file")),
    (
        SourceUnavailable("no file"),
        delivery("to_telegram", attempts=MAX_SOURCE_ATTEMPTS),
        CALM,
        Bury(f"gave up after {MAX_SOURCE_ATTEMPTS} attempts: no file", "file_no_answer"),
    ),
    # what hung for long waits until a probe has told whether it is the side
    (Uncertain("cut"), delivery(), replace(CALM, hung=True), Retry(HUNG_BACK_OFF, "cut", backs_off=True)),
    (
        Uncertain("cut"),
        delivery("to_telegram"),
        replace(CALM, hung=True),
        Retry(HUNG_BACK_OFF, "cut", uncertain=True),
    ),
    # Kit knows a repeated event by its id: an answer may be missed as often as it likes, for an hour
    (Uncertain("cut"), delivery(attempts=2, uncertain=0), CALM, Retry(2.0, "cut", backs_off=True)),
    (
        Uncertain("cut"),
        delivery(attempts=MAX_ATTEMPTS, failing=PATIENCE),
        CALM,
        Bury(f"gave up after {MAX_ATTEMPTS} attempts: cut"),
    ),
    # Telegram does not: once is repeated, twice is a dead letter that says so
    (Uncertain("cut"), delivery("to_telegram"), CALM, Retry(1.0, "cut", uncertain=True)),
    (
        Uncertain("cut"),
        delivery("to_telegram", uncertain=1),
        FREE,
        Bury("may have arrived: twice no answer to the same call (cut)", "uncertain"),
    ),
]


@pytest.mark.parametrize(
    ("address", "why"),
    [(Address(7), "no_rights"), (Address(7, business_connection_id="b"), "no_business_rights"), (None, "no_rights")],
)
def test_missing_rights_are_those_of_the_chat(address: Address | None, why: str) -> None:
    """In a Business account's chat its owner gives them, elsewhere whoever runs the chat."""
    which = replace(delivery("to_telegram"), address=address)
    assert judge(NotAccepted("no", why="no_rights"), which, CALM) == Bury("no", why)
    assert judge(NotAccepted("no", why="other"), which, CALM) == Bury("no", "other")


@pytest.mark.parametrize(("error", "which", "known", "expected"), TABLE, ids=str)
def test_each_failure_has_its_consequence(
    error: RelayError, which: Delivery, known: Circumstances, expected: Retry | Bury
) -> None:
    """Retry or bury, as the table says."""
    assert judge(error, which, known) == expected


@given(attempts=st.integers(1, 10_000), dice=st.floats(0, 1, exclude_max=True))
def test_back_off_stays_between_half_a_second_and_ten_minutes(attempts: int, dice: float) -> None:
    """However many failures, the wait is bounded on both sides."""
    assert 0.5 <= back_off(attempts, dice) <= MAX_BACK_OFF


@portions(1 / 4)
@given(dice=st.floats(0, 1, exclude_max=True), age=st.floats(0, 3 * FRESH_FOR), hurried=st.floats(0, 1))
def test_patience_lasts_for_about_an_hour(dice: float, age: float, hurried: float) -> None:
    """What the README promises, however old the message was at the first attempt and however often it is hurried."""
    which = replace(delivery(), accepted_at=NOW - age, failing_since=NOW)
    now, attempts = NOW, 1
    verdict: Retry | Bury = Retry(0.0, "")
    while isinstance(verdict, Retry):
        verdict = judge(Unavailable("500"), replace(which, attempts=attempts), Circumstances(now, dice))
        if isinstance(verdict, Retry):
            now += max(1.0, verdict.after * hurried)
            attempts += 1
    assert PATIENCE <= now - NOW <= 2.7 * PATIENCE
    assert attempts >= MAX_ATTEMPTS
    assert 2 * 60 < sum(back_off(attempts, 0.5) for attempts in range(1, MAX_SOURCE_ATTEMPTS)) < 5 * 60


@pytest.mark.parametrize(
    ("refusals", "wait"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (5, 32.0), (6, MAX_REFUSED_BACK_OFF), (99, 60.0)]
)
def test_what_may_be_refused_to_everybody_waits_in_its_place(refusals: int, wait: float) -> None:
    """Two seconds, four, and so on to a minute; no attempt counts, and at the gate's pace when that is closed."""
    refused, known = NotAccepted("409"), replace(CALM, unproven_refusals=refusals)
    assert judge(refused, delivery(), known) == Retry(wait, "409", free=True, backs_off=True)
    assert judge(refused, delivery(), replace(known, paced=True)) == Retry(0.0, "409", free=True, backs_off=True)
    assert judge(refused, delivery(attempts=99), known) == Retry(wait, "409", free=True, backs_off=True)
