from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.policy import (
    MAX_ATTEMPTS,
    MAX_BACK_OFF,
    MAX_REFUSED_BACK_OFF,
    MAX_SOURCE_ATTEMPTS,
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


def delivery(direction: Direction = "to_kit", *, attempts: int = 1, uncertain: int = 0) -> Delivery:
    return Delivery(1, "1", direction, "7", Address(7), None, "", "", 1, 1, 0, attempts, 0, uncertain, 0.0)


TABLE = [
    # a refusal is final at once
    (NotAccepted("no"), delivery(), False, Bury("no", "refused_content")),
    # a throttle is obeyed to the second and costs nothing, not even at the last attempt
    (
        Throttled("slow", retry_after=5),
        delivery(attempts=MAX_ATTEMPTS),
        False,
        Retry(5, "slow", free=True, asked_for=True),
    ),
    # the first failure waits a second (dice 1.0 of the jitter), the fourth eight
    (Unavailable("500"), delivery(), False, Retry(1.0, "500")),
    (Unavailable("500"), delivery(attempts=4), False, Retry(8.0, "500")),
    # the last attempt is the last
    (Unavailable("500"), delivery(attempts=MAX_ATTEMPTS), False, Bury(f"gave up after {MAX_ATTEMPTS} attempts: 500")),
    # nobody gets through: that is not held against the delivery
    (Down("refused"), delivery(attempts=3), False, Retry(4.0, "refused", free=True)),
    (Unavailable("500"), delivery(attempts=2), True, Retry(2.0, "500", free=True)),
    # a file server's outage is its own affair: less patience, and never free, whoever else is down
    (SourceUnavailable("no file"), delivery("to_telegram", attempts=8), True, Retry(128.0, "no file")),
    (
        SourceUnavailable("no file"),
        delivery("to_telegram", attempts=MAX_SOURCE_ATTEMPTS),
        False,
        Bury(f"gave up after {MAX_SOURCE_ATTEMPTS} attempts: no file", "file_no_answer"),
    ),
    # Kit knows a repeated event by its id: an answer may be missed as often as it likes
    (Uncertain("cut"), delivery(attempts=2, uncertain=0), False, Retry(2.0, "cut")),
    # Telegram does not: once is repeated, twice is a dead letter that says so
    (Uncertain("cut"), delivery("to_telegram"), False, Retry(1.0, "cut", uncertain=True)),
    (
        Uncertain("cut"),
        delivery("to_telegram", uncertain=1),
        True,
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
    assert judge(NotAccepted("no", why="no_rights"), which, 1.0) == Bury("no", why)
    assert judge(NotAccepted("no", why="other"), which, 1.0) == Bury("no", "other")


@pytest.mark.parametrize(("error", "which", "free", "expected"), TABLE, ids=str)
def test_each_failure_has_its_consequence(
    error: RelayError,
    which: Delivery,
    free: bool,  # noqa: FBT001 - a column of the table
    expected: Retry | Bury,
) -> None:
    """Retry or bury, as the table says."""
    assert judge(error, which, 1.0, free=free) == expected


def test_kit_deliveries_that_never_get_an_answer_end_too() -> None:
    """Even an uncertain outcome is not repeated for ever."""
    assert isinstance(judge(Uncertain("cut"), delivery(attempts=MAX_ATTEMPTS), 0.5), Bury)


@given(attempts=st.integers(1, 10_000), dice=st.floats(0, 1, exclude_max=True))
def test_back_off_stays_between_half_a_second_and_ten_minutes(attempts: int, dice: float) -> None:
    """However many failures, the wait is bounded on both sides."""
    assert 0.5 <= back_off(attempts, dice) <= MAX_BACK_OFF


def test_while_the_gate_sets_the_pace_the_lane_need_not() -> None:
    """During an outage a delivery goes back at once: the gate lets one probe at a time pass."""
    assert judge(Down("no"), delivery(attempts=5), 0.5, paced=True) == Retry(0.0, "no", free=True)


def test_patience_lasts_for_about_an_hour() -> None:
    """All back-offs together: what the README promises."""
    patience = sum(back_off(attempts, 0.5) for attempts in range(1, MAX_ATTEMPTS))
    assert 45 * 60 < patience < 90 * 60
    assert 2 * 60 < sum(back_off(attempts, 0.5) for attempts in range(1, MAX_SOURCE_ATTEMPTS)) < 5 * 60


@pytest.mark.parametrize(
    ("refusals", "wait"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (5, 32.0), (6, MAX_REFUSED_BACK_OFF), (99, 60.0)]
)
def test_what_may_be_refused_to_everybody_waits_in_its_place(refusals: int, wait: float) -> None:
    """Two seconds, four, and so on to a minute; no attempt counts, and at the gate's pace when that is closed."""
    refused = NotAccepted("409")
    assert judge(refused, delivery(), 1.0, unproven_refusals=refusals) == Retry(wait, "409", free=True)
    assert judge(refused, delivery(), 1.0, unproven_refusals=refusals, paced=True) == Retry(0.0, "409", free=True)
    often = delivery(attempts=MAX_ATTEMPTS)
    assert judge(refused, often, 1.0, unproven_refusals=refusals) == Retry(wait, "409", free=True)
