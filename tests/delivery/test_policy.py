from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.gate import DOWN_AFTER, MAX_PROBE_PAUSE, Gate
from relay.delivery.pace import Pace
from relay.delivery.policy import MAX_ATTEMPTS, MAX_BACK_OFF, MAX_SOURCE_ATTEMPTS, back_off, judge
from relay.errors import (
    Down,
    NotAccepted,
    RelayError,
    SourceRefused,
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
    (Throttled("slow", retry_after=5), delivery(attempts=MAX_ATTEMPTS), False, Retry(5, "slow", free=True)),
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
        Bury(f"gave up after {MAX_SOURCE_ATTEMPTS} attempts: no file", "file_gone"),
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


class TestGate:
    def test_a_chat_that_fails_alone_is_not_blamed(self) -> None:
        """Nothing else got through since it failed before: it may be the side. Something did: it is the delivery."""
        gate = Gate()
        blamed = [gate.failed(Unavailable("500"), 1, 0.0, 0.5) for _ in range(4)]
        assert blamed == [False, True, True, True]
        gate.passed(2)
        assert not gate.failed(Unavailable("500"), 1, 0.0, 0.5)
        assert gate.failed(Unavailable("500"), 1, 0.0, 0.5)

    def test_a_file_server_s_refusal_says_nothing_of_the_side(self) -> None:
        """Only who answers opens the gate."""
        gate = Gate()
        gate.failed(Down("no connection"), 1, 0.0, 0.5)
        gate.failed(SourceRefused("404"), 1, 0.0, 0.5)
        gate.failed(SourceUnavailable("500"), 1, 0.0, 0.5)
        assert gate.down

    def test_one_lane_that_fails_does_not_close_it(self) -> None:
        """A poison delivery alone is no outage."""
        gate = Gate()
        for _ in range(50):
            gate.failed(Unavailable("500"), 1, 0.0, 0.5)
        assert not gate.down
        assert gate.room(256, 10, 0.0) == 256

    def test_chats_that_hang_while_others_get_through_do_not_close_it(self) -> None:
        """Many give up waiting at the same moment: they are to blame, since others passed after they had set out."""
        gate = Gate()
        blamed = [gate.failed(Unavailable("no answer"), lane, 0.0, 0.5, overtaken=True) for lane in range(200)]
        assert not gate.down
        assert blamed == [False] * 200

    def test_many_lanes_that_fail_close_it(self) -> None:
        """Failures in a row on several lanes mean that the side is down; then one probe at a time may go."""
        gate = Gate()
        for lane in range(DOWN_AFTER):
            gate.failed(Unavailable("500"), lane, 100.0, 0.5)
        assert gate.down
        assert gate.room(256, 0, 100.0) == 0
        assert gate.room(256, 0, gate.opens_at) == 1
        assert gate.room(256, 1, gate.opens_at) == 0

    def test_a_refused_connection_closes_it_at_once_and_an_answer_opens_it(self) -> None:
        """Even a refusal is an answer: somebody is there."""
        gate = Gate()
        gate.failed(Down("no connection"), 1, 0.0, 0.5)
        assert (gate.down, gate.last_error) == (True, "no connection")
        gate.failed(NotAccepted("bad"), 1, 0.0, 0.5)
        assert (gate.down, gate.last_error) == (False, None)

    def test_what_was_in_flight_when_it_closed_does_not_lengthen_the_pause(self) -> None:
        """256 failures at the same moment are one failure."""
        gate = Gate()
        for lane in range(256):
            gate.failed(Down("no connection"), lane, 50.0, 0.99)
        assert gate.opens_at <= 51.0

    def test_while_held_nothing_passes(self) -> None:
        """Whoever asked everybody to wait is not asked again before the time is over."""
        gate = Gate()
        gate.hold(5.0, 100.0)
        gate.hold(2.0, 100.0)
        assert gate.room(256, 0, 104.9) == 0
        assert gate.room(256, 0, 105.0) == 256
        assert not gate.held

    def test_the_pause_grows_to_its_limit(self) -> None:
        """An outage of hours costs a probe each few seconds, no more and no less."""
        gate, now = Gate(), 0.0
        for _ in range(20):
            gate.failed(Down("no connection"), 1, now, 0.99)
            pause, now = gate.opens_at - now, gate.opens_at
        assert MAX_PROBE_PAUSE * 0.9 < pause <= MAX_PROBE_PAUSE


class TestPace:
    def test_a_burst_passes_and_then_the_rate_holds(self) -> None:
        """Three at once, then one a second."""
        pace = Pace(1.0, burst=3)
        assert [pace.reserve(7, 0.0) for _ in range(6)] == [0, 0, 0, 1, 2, 3]

    def test_chats_do_not_wait_for_each_other(self) -> None:
        """Each key has a pace of its own."""
        pace = Pace(1.0, burst=1)
        assert pace.reserve(7, 0.0) == 0
        assert pace.reserve(8, 0.0) == 0

    def test_no_rate_means_no_wait(self) -> None:
        """A rate of 0 switches the limit off."""
        pace = Pace(0, burst=1)
        assert [pace.reserve(7, 0.0) for _ in range(100)] == [0.0] * 100

    @given(st.lists(st.floats(0, 3), min_size=1, max_size=200), st.integers(1, 5))
    def test_no_window_holds_more_than_burst_and_rate_allow(self, gaps: list[float], burst: int) -> None:
        """However the calls come, within T seconds at most burst + T of them leave."""
        pace, now, leaving = Pace(1.0, burst), 0.0, []
        for gap in gaps:
            now += gap
            leaving.append(now + pace.reserve(7, now))
        for first, start in enumerate(leaving):
            for last in range(first, len(leaving)):
                assert last - first + 1 <= burst + (leaving[last] - start) + 1e-6
