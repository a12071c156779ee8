from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.gate import (
    DOWN_AFTER,
    LATELY,
    LONE_REFUSALS,
    LONE_TIME,
    LONG_DOWN,
    LONG_PAUSE,
    LONGEST_HOLD,
    LONGEST_THROTTLE,
    MANY_TIME,
    PATIENT_PAUSE,
    PATIENT_TIME,
    PROBE_PAUSE,
    PROBE_TIME,
    REFUSING_AFTER,
    REFUSING_PAUSE,
    SUSPECT_PAUSE,
    TRIAL_PAUSE,
    UNWELCOME_PAUSE,
    Gate,
    Probed,
    Refusal,
)
from relay.errors import (
    CredentialsRefused,
    Down,
    NotAccepted,
    RelayError,
    SourceRefused,
    SourceUnavailable,
    Throttled,
    Unavailable,
    Uncertain,
)

REFUSED = NotAccepted("Kit refused it (HTTP 409)")
GONE = Down("no connection")


def fails(gate: Gate, error: RelayError, lane: int = 1, *, now: float = 0.0) -> bool:
    """An attempt that set out a second ago fails now."""
    return gate.failed(error, lane, set_out=now - 1, now=now)


def passes(gate: Gate, lane: int = 2, *, now: float) -> bool:
    """An attempt that set out a moment ago gets through now."""
    return gate.passed(lane, set_out=now - 0.1, now=now)


def probe(gate: Gate, outcome: Probed, now: float, *, took: float = 0.0, error: RelayError | None = None) -> None:
    """A probe that set out so long ago ends now."""
    gate.probes(now - took)
    gate.probed(outcome, error, set_out=now - took, now=now)


def closed(outcome: Probed | None, now: float = 0.0) -> Gate:
    """A side of which nobody was reached, and what a probe found since."""
    gate = Gate()
    fails(gate, GONE, now=now)
    if outcome is not None:
        probe(gate, outcome, now)
    return gate


def trials(gate: Gate, begin: float, end: float, step: float = 0.5) -> Iterator[float]:
    """When the gate lets one out, as seldom as it may; each is taken."""
    now = begin
    while now < end:
        if gate.room(256, now):
            assert gate.room(256, now) == 1
            gate.tried(now)
            yield now
        now += step


def test_a_chat_that_fails_alone_is_not_blamed() -> None:
    """Nothing else got through since it failed before: it may be the side. Something did: it is the delivery."""
    gate = Gate()
    assert [fails(gate, Unavailable("500"), now=now) for now in range(4)] == [False, True, True, True]
    assert passes(gate, now=4.5), "it has waited for that, and may be due"
    assert not fails(gate, Unavailable("500"), now=5.0)
    assert fails(gate, Unavailable("500"), now=6.0)


def test_a_failure_among_others_makes_nobody_due() -> None:
    """One that fails while others get through waits by itself."""
    gate = Gate()
    for now in range(10):
        fails(gate, Unavailable("500"), now=now)
        assert not passes(gate, now=now + 0.5)


def test_an_answer_to_what_set_out_before_a_failure_says_nothing_about_it() -> None:
    """What set out before the side broke down may well be answered after it did."""
    gate = Gate()
    fails(gate, Unavailable("500"), now=10.0)
    gate.passed(2, set_out=9.9, now=10.5)
    assert fails(gate, Unavailable("500"), now=12.0)
    assert not gate.refused(REFUSED, 1, 13.0).final
    gate.passed(2, set_out=12.9, now=13.5)
    assert not gate.refused(REFUSED, 1, 15.0).final


def test_a_file_server_s_refusal_says_nothing_of_the_side() -> None:
    """Only who answers opens the gate."""
    gate = Gate()
    for error in (GONE, SourceRefused("404"), SourceUnavailable("500")):
        fails(gate, error)
    assert gate.down


def test_one_lane_that_fails_does_not_close_it() -> None:
    """A poison delivery alone is no outage."""
    gate = Gate()
    for now in range(50):
        fails(gate, Unavailable("500"), now=now)
        probe(gate, "answered", now + 0.1)
    assert not gate.down
    assert gate.room(256, 50.0) == 256


def test_chats_that_hang_while_others_get_through_do_not_close_it() -> None:
    """Many give up waiting at the same moment: they are to blame, since others set out after them and passed."""
    gate = Gate()
    gate.passed(500, set_out=29.9, now=30.0)
    assert not any(gate.failed(Unavailable("no answer"), lane, set_out=0.0, now=30.0) for lane in range(200))
    assert not gate.down
    for lane in range(DOWN_AFTER):
        gate.failed(Unavailable("no answer"), lane, set_out=29.95, now=60.0)
    assert gate.down


def test_many_lanes_that_fail_close_it() -> None:
    """Failures in a row on several lanes mean that the side is down."""
    gate = Gate()
    for lane in range(DOWN_AFTER):
        fails(gate, Unavailable("500"), lane, now=100.0)
    assert gate.down
    assert gate.room(256, 100.0) == 0


def test_a_refused_connection_closes_it_at_once_and_an_answer_opens_it() -> None:
    """Even a refusal is an answer: somebody is there."""
    gate = Gate()
    fails(gate, GONE)
    assert gate.down
    assert gate.last_error == "no connection"
    fails(gate, NotAccepted("bad"))
    assert not gate.down
    assert gate.last_error is None
    fails(gate, GONE)
    gate.refused(REFUSED, 1, 1.0)
    assert not gate.down
    assert gate.last_error == str(REFUSED)


def test_who_cannot_be_reached_is_probed_and_nobody_s_message_hangs_for_it() -> None:
    """A probe at once, then one each second and a half; after ten minutes each ten seconds. No trial meanwhile."""
    gate, probes = closed(None, now=0.0), list[float]()
    now = 0.0
    while now < LONG_DOWN + 100:
        at = gate.probes_at(now)
        assert at is not None
        now = max(now, at)
        assert gate.room(256, now) == 0
        probes.append(now)
        probe(gate, "unreached", now)
    gaps = [later - earlier for earlier, later in pairwise(probes)]
    assert probes[0] == 0.0
    assert set(gaps) == {PROBE_PAUSE, LONG_PAUSE}
    assert sum(probes[0] <= at < LONG_DOWN for at in probes) <= LONG_DOWN


def test_a_probe_that_is_answered_lets_one_out_and_its_success_lets_out_all() -> None:
    """Who was there first finds out; the others follow at once, and those that had waited by themselves."""
    gate = closed("unreached")
    probe(gate, "answered", 5.0)
    assert gate.room(256, 5.0) == 1
    gate.tried(5.0)
    assert gate.room(256, 5.0) == 0
    assert passes(gate, now=5.2)
    assert gate.room(256, 5.2) == 256
    assert gate.probes_at(5.2) is None


@pytest.mark.parametrize(("outcome", "pause"), [("answered", TRIAL_PAUSE), ("silent", None), ("unreached", None)])
def test_how_often_one_may_try_depends_on_what_probes_find(outcome: Probed, pause: float | None) -> None:
    """A side that answers and fails is tried each three seconds; into one that does not nothing is sent."""
    gate = closed(outcome)
    times = list(trials(gate, 0.0, 100.0))
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert gaps == ({pause} if pause else set())
    assert bool(times) is bool(pause)


@given(st.lists(st.sampled_from(["answered", "silent", "unreached"]), min_size=1), st.floats(0, 2 * LONG_DOWN))
def test_there_is_at_most_one_request_a_second(outcomes: list[Probed], begin: float) -> None:
    """Whatever probes find: with the trials that follow them."""
    gate = closed(None)
    sent: list[float] = []
    now = begin
    for number in range(200):
        at = gate.probes_at(now)
        assert at is not None
        now = max(now, at)
        sent.append(now)
        probe(gate, outcomes[number % len(outcomes)], now)
        if gate.room(256, now):
            gate.tried(now)
            sent.append(now)
            fails(gate, Unavailable("500"), number, now=now)
    for first, at in enumerate(sent):
        for last in range(first, len(sent), 7):
            assert last - first - 1 <= sent[last] - at + 1


def test_the_latest_probe_counts_whenever_it_ends() -> None:
    """One that hangs for five seconds says nothing against those that set out after it and were answered."""
    gate = closed(None)
    gate.probes(0.0)
    gate.probes(PROBE_PAUSE)
    gate.probed("answered", None, set_out=PROBE_PAUSE, now=2.0)
    gate.probed("unreached", GONE, set_out=0.0, now=5.0)
    assert gate.room(256, 5.0) == 1


def test_who_refuses_our_credentials_is_not_probed_but_tried_rarely() -> None:
    """Each try may be a login, and one in ten seconds is enough."""
    gate = Gate()
    fails(gate, CredentialsRefused("401"))
    assert gate.probes_at(0.0) is None
    assert list(trials(gate, 0.0, 60.0)) == [UNWELCOME_PAUSE * number for number in range(1, 6)]
    fails(gate, GONE, now=60.0)
    assert gate.probes_at(60.0) is not None, "what it is down for may change"


@pytest.mark.parametrize(
    ("error", "outcome", "down"),
    [
        (Uncertain("no answer"), "answered", False),
        (Uncertain("no answer"), "silent", True),
        (Uncertain("no answer"), "unreached", True),
        (Unavailable("503"), "silent", True),
    ],
)
def test_of_a_chat_that_writes_alone_a_probe_tells_whether_it_is_the_side(
    error: RelayError, outcome: Probed, *, down: bool
) -> None:
    """It failed, and so does the probe: that is no matter of the one message."""
    gate = Gate()
    fails(gate, error, now=10.0)
    assert gate.probes_at(10.0) is not None
    probe(gate, outcome, 15.0, took=5.0, error=GONE)
    assert gate.down is down
    assert gate.probes_at(15.0) is None or down


@pytest.mark.parametrize(("outcome", "down"), [("answered", False), ("silent", False), ("unreached", True)])
def test_who_hangs_makes_a_probe_and_only_no_connection_is_an_outage(outcome: Probed, *, down: bool) -> None:
    """A slow side that answers after six seconds is up."""
    gate = Gate()
    gate.suspect("hangs")
    probe(gate, outcome, 10.0, took=5.0, error=GONE)
    assert gate.down is down


def test_a_side_that_takes_connections_and_says_nothing_may_be_slow() -> None:
    """One probe in fifteen seconds has half a minute; its answer counts, though later ones have got none."""
    gate, patient = closed("silent"), list[float]()
    for number in range(1, 40):
        now = number * PROBE_PAUSE
        if gate.probes(now) == PATIENT_TIME:
            patient.append(now)
        gate.probed("silent", Uncertain("no answer"), set_out=now, now=now)
    assert {later - earlier for earlier, later in pairwise(patient)} == {PATIENT_PAUSE}
    assert gate.room(256, 60.0) == 0
    gate.probed("answered", None, set_out=patient[-1], now=60.0)
    assert gate.room(256, 60.0) == 1
    assert closed("unreached").probes(PATIENT_PAUSE) == PROBE_TIME


def test_who_hung_may_try_again_as_soon_as_a_probe_is_answered() -> None:
    """Its connection had died: the side is there. Who was cut off at once waits by itself."""
    for set_out, waited in ((0.0, True), (29.0, False)):
        gate = Gate()
        gate.failed(Uncertain("no answer"), 1, set_out=set_out, now=30.0)
        gate.probes(30.0)
        assert gate.probed("answered", None, set_out=30.0, now=30.1) is waited
        assert not gate.down


def test_a_probe_that_failed_while_somebody_got_through_proves_nothing() -> None:
    """One lost packet closes no gate."""
    gate = Gate()
    gate.suspect("failed")
    gate.probes(0.0)
    passes(gate, now=1.0)
    gate.probed("unreached", GONE, set_out=0.0, now=3.0)
    assert not gate.down
    gate.suspect("failed")
    gate.probes(3.0)
    gate.passed(2, set_out=2.0, now=4.0)
    gate.suspect("failed")
    gate.probed("unreached", GONE, set_out=3.0, now=6.0)
    assert not gate.down


def test_suspicion_is_looked_into_each_five_seconds_at_most() -> None:
    """However many fail meanwhile."""
    gate = Gate()
    gate.suspect("failed")
    assert (gate.probes_at(100.0) or 0.0) < 100.0, "at once"
    probe(gate, "answered", 100.0)
    gate.suspect("failed")
    assert gate.probes_at(100.0) == 100.0 + SUSPECT_PAUSE


def test_a_refusal_is_final_once_another_got_through_and_it_is_refused_again() -> None:
    """Neither the first refusal nor any number of them proves anything; that others get through does."""
    gate = Gate()
    assert [gate.refused(REFUSED, 1, now).final for now in (0.0, 2.0, 6.0, 14.0)] == [False] * 4
    passes(gate, now=15.0)
    assert gate.last_error is None
    assert gate.refused(REFUSED, 1, 30.0) == Refusal(5, final=True)
    assert gate.last_error is None, "the side is well: it is the message that is refused"


def test_what_is_buried_proves_nothing_about_what_follows_it() -> None:
    """The next delivery of the same chat is refused for the first time."""
    gate = Gate()
    gate.refused(REFUSED, 1, 0.0)
    passes(gate, now=1.0)
    assert gate.refused(REFUSED, 1, 2.0).final
    gate.gave_up(1)
    assert gate.refused(REFUSED, 1, 2.1) == Refusal(1)


def test_a_side_that_refuses_every_other_message_proves_nothing_by_it() -> None:
    """One of its servers refuses everything: somebody always gets through, and still it is nobody's message."""
    gate = Gate()
    for second in range(int(MANY_TIME)):
        for lane in range(REFUSING_AFTER):
            assert not gate.refused(REFUSED, lane, float(second)).final
        passes(gate, 9, now=second + 0.5)
    assert gate.refused(REFUSED, 0, MANY_TIME) == Refusal(int(MANY_TIME) + 1, final=True), "for so long it is its own"
    passes(gate, 9, now=MANY_TIME + 0.5)
    late = MANY_TIME + LATELY + 1.0
    assert gate.refused(REFUSED, 1, late).final, "the others were refused long ago"


def test_who_refuses_three_lanes_in_a_row_refuses_everybody() -> None:
    """It is down, says so, and is tried every two seconds, one lane at a time, until somebody gets through."""
    gate = Gate()
    for lane in range(REFUSING_AFTER):
        assert not gate.down
        assert gate.refused(REFUSED, lane, 100.0) == Refusal(1)
    assert gate.down
    assert gate.last_error is not None
    assert str(REFUSED) in gate.last_error
    assert gate.probes_at(100.0) is None, "that somebody answers is known"
    for number, now in enumerate(trials(gate, 100.0, 100.0 + LONG_DOWN)):
        assert now == 100.0 + REFUSING_PAUSE * (number + 1)
        assert not gate.refused(REFUSED, number % 7, now).final
    assert passes(gate, 8, now=1000.0)
    assert not gate.down
    assert not gate.last_error


def test_two_refused_chats_do_not_stop_the_others() -> None:
    """However often they are refused: they wait by themselves."""
    gate = Gate()
    for now in range(100):
        gate.refused(REFUSED, now % 2, now)
    assert gate.room(256, 100.0) == 256


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


def test_up_to_a_minute_is_kept_to_by_everybody() -> None:
    """Whoever asked everybody to wait is not asked again before the time is over, however many were told so."""
    gate = Gate()
    for seconds in (50.0, 2.0):
        gate.throttled(Throttled("429", retry_after=seconds), 100.0)
    assert gate.room(256, 149.9) == 0
    assert gate.room(256, 150.0) == 256
    assert gate.last_error is None, "to wait as one is told is no fault"


def test_of_a_longer_wait_one_trial_a_minute_finds_out() -> None:
    """An hour that was asked for by mistake silences nobody for longer than a minute."""
    gate = Gate()
    gate.throttled(Throttled("429", retry_after=9 * LONGEST_THROTTLE), 0.0)
    times = list(trials(gate, 0.0, LONGEST_THROTTLE))
    assert times == [LONGEST_HOLD * number for number in range(1, 60)]
    assert gate.throttled_for(60.0) == LONGEST_THROTTLE - 60.0
    assert gate.room(256, LONGEST_THROTTLE) == 256
    gate.throttled(Throttled("429", retry_after=3600), 4000.0)
    gate.passed(2, set_out=3999.0, now=4001.0)
    assert gate.room(256, 4030.0) == 0, "it set out before"
    assert gate.passed(2, set_out=4060.0, now=4060.1)
    assert gate.room(256, 4060.1) == 256


def test_what_a_past_process_was_told_is_found_out_by_one() -> None:
    """If that one hangs another one tries, and the others do not wait longer than a minute."""
    gate = Gate()
    gate.hesitate(10.0)
    assert list(trials(gate, 10.0, 15.0)) == [10.0, 10.0 + TRIAL_PAUSE]
    assert gate.room(256, 10.0 + LONGEST_HOLD) == 256


def test_what_is_found_out_after_a_restart_is_kept_to() -> None:
    """When the first trial is told to wait, nobody doubts it any more."""
    gate = Gate()
    gate.hesitate(10.0)
    assert gate.room(256, 10.0) == 1
    gate.tried(10.0)
    gate.throttled(Throttled("429", retry_after=3600), 10.1)
    assert list(trials(gate, 10.1, 200.0)) == [10.1 + LONGEST_HOLD, 10.1 + 2 * LONGEST_HOLD, 10.1 + 3 * LONGEST_HOLD]


@pytest.mark.parametrize("why", ["down", "unwelcome", "throttled"])
def test_who_is_hurried_tries_at_once(why: str) -> None:
    """A person knows that it is mended."""
    gate = closed("silent")
    gate.tried(1.0)
    if why == "unwelcome":
        fails(gate, CredentialsRefused("401"), now=1.0)
    if why == "throttled":
        gate.passed(1, set_out=1.0, now=1.0)
        gate.throttled(Throttled("429", retry_after=3600), 1.0)
    assert gate.room(256, 2.0) == 0
    gate.hurry()
    assert gate.room(256, 2.0) == 1


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
            gate.passed(each.lane, set_out=now - each.takes, now=now)
            set_outs.append(now - each.takes)
            first.pop(each.lane, None)
            continue
        since = first.setdefault(each.lane, now)
        assert gate.refused(REFUSED, each.lane, now).final == any(at > since for at in set_outs)
