from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.gate import (
    DOWN_AFTER,
    LONE_REFUSALS,
    LONE_TIME,
    MAX_PROBE_PAUSE,
    REFUSED_PAUSE,
    REFUSING_AFTER,
    Gate,
    Refusal,
)
from relay.errors import Down, NotAccepted, RelayError, SourceRefused, SourceUnavailable, Unavailable

REFUSED = NotAccepted("Kit refused it (HTTP 409)")


def fails(gate: Gate, error: RelayError, lane: int = 1, *, now: float = 0.0, dice: float = 0.5) -> bool:
    """An attempt that set out a second ago fails now."""
    return gate.failed(error, lane, set_out=now - 1, now=now, dice=dice)


def test_a_chat_that_fails_alone_is_not_blamed() -> None:
    """Nothing else got through since it failed before: it may be the side. Something did: it is the delivery."""
    gate = Gate()
    assert [fails(gate, Unavailable("500"), now=now) for now in range(4)] == [False, True, True, True]
    gate.passed(2, set_out=4.0)
    assert not fails(gate, Unavailable("500"), now=5.0)
    assert fails(gate, Unavailable("500"), now=6.0)


def test_an_answer_to_what_set_out_before_a_failure_says_nothing_about_it() -> None:
    """What set out before the side broke down may well be answered after it did."""
    gate = Gate()
    fails(gate, Unavailable("500"), now=10.0)
    gate.passed(2, set_out=9.9)
    assert fails(gate, Unavailable("500"), now=12.0)
    assert not gate.refused(REFUSED, 1, 13.0).final
    gate.passed(2, set_out=12.9)
    assert not gate.refused(REFUSED, 1, 15.0).final


def test_a_file_server_s_refusal_says_nothing_of_the_side() -> None:
    """Only who answers opens the gate."""
    gate = Gate()
    for error in (Down("no connection"), SourceRefused("404"), SourceUnavailable("500")):
        fails(gate, error)
    assert gate.down


def test_one_lane_that_fails_does_not_close_it() -> None:
    """A poison delivery alone is no outage."""
    gate = Gate()
    for now in range(50):
        fails(gate, Unavailable("500"), now=now)
    assert not gate.down
    assert gate.room(256, 10, 0.0) == 256


def test_chats_that_hang_while_others_get_through_do_not_close_it() -> None:
    """Many give up waiting at the same moment: they are to blame, since others set out after them and passed."""
    gate = Gate()
    gate.passed(500, set_out=29.9)
    assert not any(gate.failed(Unavailable("no answer"), lane, set_out=0.0, now=30.0, dice=0.5) for lane in range(200))
    assert not gate.down
    for lane in range(DOWN_AFTER):
        gate.failed(Unavailable("no answer"), lane, set_out=29.95, now=60.0, dice=0.5)
    assert gate.down


def test_many_lanes_that_fail_close_it() -> None:
    """Failures in a row on several lanes mean that the side is down; then one probe at a time may go."""
    gate = Gate()
    for lane in range(DOWN_AFTER):
        fails(gate, Unavailable("500"), lane, now=100.0)
    assert gate.down
    assert gate.room(256, 0, 100.0) == 0
    assert gate.room(256, 0, gate.opens_at) == 1
    assert gate.room(256, 1, gate.opens_at) == 0


def test_a_refused_connection_closes_it_at_once_and_an_answer_opens_it() -> None:
    """Even a refusal is an answer: somebody is there."""
    gate = Gate()
    fails(gate, Down("no connection"))
    assert gate.down
    assert gate.last_error == "no connection"
    fails(gate, NotAccepted("bad"))
    assert not gate.down
    assert gate.last_error is None
    fails(gate, Down("no connection"))
    gate.refused(REFUSED, 1, 1.0)
    assert not gate.down
    assert gate.last_error == str(REFUSED)


def test_what_was_in_flight_when_it_closed_does_not_lengthen_the_pause() -> None:
    """256 failures at the same moment are one failure."""
    gate = Gate()
    for lane in range(256):
        fails(gate, Down("no connection"), lane, now=50.0, dice=0.99)
    assert gate.opens_at <= 51.0


def test_while_held_nothing_passes() -> None:
    """Whoever asked everybody to wait is not asked again before the time is over."""
    gate = Gate()
    gate.hold(5.0, 100.0)
    gate.hold(2.0, 100.0)
    assert gate.room(256, 0, 104.9) == 0
    assert gate.room(256, 0, 105.0) == 256
    assert not gate.held


def test_the_pause_grows_to_its_limit() -> None:
    """An outage of hours costs a probe each few seconds, no more and no less."""
    gate, now = Gate(), 0.0
    for _ in range(20):
        fails(gate, Down("no connection"), now=now, dice=0.99)
        pause, now = gate.opens_at - now, gate.opens_at
    assert MAX_PROBE_PAUSE * 0.9 < pause <= MAX_PROBE_PAUSE


def test_a_refusal_is_final_once_another_got_through_and_it_is_refused_again() -> None:
    """Neither the first refusal nor any number of them proves anything; that others get through does."""
    gate = Gate()
    assert [gate.refused(REFUSED, 1, now).final for now in (0.0, 2.0, 6.0, 14.0)] == [False] * 4
    gate.passed(2, set_out=15.0)
    assert gate.last_error is None
    assert gate.refused(REFUSED, 1, 30.0) == Refusal(5, final=True)
    assert gate.last_error is None, "the side is well: it is the message that is refused"


def test_what_is_buried_proves_nothing_about_what_follows_it() -> None:
    """The next delivery of the same chat is refused for the first time."""
    gate = Gate()
    gate.refused(REFUSED, 1, 0.0)
    gate.passed(2, set_out=1.0)
    assert gate.refused(REFUSED, 1, 2.0).final
    gate.gave_up(1)
    assert gate.refused(REFUSED, 1, 2.1) == Refusal(1)


def test_who_refuses_three_lanes_in_a_row_refuses_everybody() -> None:
    """It is down, says so, and is tried every two seconds, one lane at a time, until somebody gets through."""
    gate = Gate()
    for lane in range(REFUSING_AFTER):
        assert not gate.down
        assert gate.refused(REFUSED, lane, 100.0) == Refusal(1)
    assert gate.down
    assert gate.last_error is not None
    assert str(REFUSED) in gate.last_error
    for number in range(1, 300):
        now = 100.0 + number * REFUSED_PAUSE
        assert gate.room(256, 0, now - 0.1) == 0
        assert gate.room(256, 0, now) == 1
        assert not gate.refused(REFUSED, number % 7, now).final
    gate.passed(8, set_out=1000.0)
    assert not gate.down
    assert not gate.last_error


def test_two_refused_chats_do_not_stop_the_others() -> None:
    """However often they are refused: they wait by themselves."""
    gate = Gate()
    for now in range(100):
        gate.refused(REFUSED, now % 2, now)
    assert gate.room(256, 3, 100.0) == 256


def test_who_is_refused_alone_for_long_may_be_to_blame() -> None:
    """Five times and ten minutes, and nobody else has tried: then the login decides."""
    gate = Gate()
    assert not any(gate.refused(REFUSED, 1, now).alone for now in (0.0, 2.0, 6.0, 14.0, 30.0, LONE_TIME - 1))
    assert gate.refused(REFUSED, 1, LONE_TIME).alone
    fails(gate, Unavailable("500"), 2, now=LONE_TIME + 1)
    assert not gate.refused(REFUSED, 1, LONE_TIME + 2).alone, "another one does not get through either"


def test_long_alone_is_often_enough_too() -> None:
    """Ten minutes with fewer refusals than five are no proof."""
    gate = Gate()
    times = [LONE_TIME * number for number in range(LONE_REFUSALS)]
    assert [gate.refused(REFUSED, 1, now).alone for now in times] == [False] * (LONE_REFUSALS - 1) + [True]


@dataclass(frozen=True)
class Happening:
    lane: int
    takes: float
    passes: bool


@given(st.lists(st.builds(Happening, st.integers(1, 5), st.floats(0.01, 40), st.booleans()), min_size=1, max_size=60))
def test_nothing_is_final_without_a_pass_after_its_first_refusal(happenings: list[Happening]) -> None:
    """However refusals and passes follow each other, and however long each was on its way."""
    gate, now, first, set_outs = Gate(), 0.0, dict[int, float](), list[float]()
    for each in happenings:
        now += 1.0
        if each.passes:
            gate.passed(each.lane, set_out=now - each.takes)
            set_outs.append(now - each.takes)
            first.pop(each.lane, None)
            continue
        since = first.setdefault(each.lane, now)
        assert gate.refused(REFUSED, each.lane, now).final == any(at > since for at in set_outs)
