"""How far each thing has come, as both ends and the relay's log tell it."""

from hypothesis import given
from hypothesis import strategies as st

from relay.sandbox.page.journeys import REMEMBERED, Journeys

LATER = 1e12  # after everything


def test_a_message_goes_from_stage_to_stage() -> None:
    """Sent, on the relay's disk, there; and how long it took is counted from the first to the last."""
    journeys = Journeys()
    one = journeys.begin("to_kit", "7", "100", message="1", what="hello")
    assert (one.stage, one.ms) == ("sent", None)
    journeys.accept(one, one.began + 0.010)
    assert one.stage == "relay"
    journeys.arrive(one, one.began + 0.025)
    assert (one.stage, one.ms) == ("there", 25.0)
    assert journeys.of_message("to_kit", "7", "1") is journeys.find("to_kit", "100") is one


def test_what_arrives_again_is_said_to_have_come_twice() -> None:
    """And its time is that of the first arrival."""
    journeys = Journeys()
    one = journeys.begin("to_kit", "7", "100")
    journeys.arrive(one, one.began + 1)
    journeys.arrive(one, one.began + 9)
    assert (one.twice, one.ms) == (True, 1000.0)


def test_the_log_speaks_of_the_oldest_of_its_lane() -> None:
    """A lane has one order, so a line without a message's id is about the first that is not through."""
    journeys = Journeys()
    first, second = (journeys.begin("to_telegram", "7", key) for key in ("a", "b"))
    other = journeys.begin("to_telegram", "8", "c")
    for one in (first, second, other):
        journeys.accept(one, one.began)
    journeys.attempted("to_telegram", "7", {"outcome": "retried", "attempt": 3, "reason": "429"})
    assert (first.attempts, first.reason, first.stage) == (3, "429", "relay")
    journeys.attempted("to_telegram", "7", {"outcome": "dead", "reason": "blocked", "delivery": 5})
    journeys.delivered("to_telegram", "7", LATER)
    assert [one.stage for one in (first, second, other)] == ["dead", "there", "relay"]
    journeys.reopen(5)
    journeys.settle("to_telegram", LATER)  # nothing waits: the command that puts it back takes its time
    assert (first.stage, first.reason) == ("relay", None)
    journeys.bury(5, "no relay runs")
    assert (first.stage, first.reason) == ("dead", "no relay runs")


def test_a_dead_letter_that_was_retried_elsewhere_is_followed() -> None:
    """The log names it, so what was sent after it stays where it is; a time of arrival makes it count in its lane."""
    journeys = Journeys()
    dead, after = (journeys.begin("to_telegram", "7", key) for key in ("a", "b"))
    for one in (dead, after):
        journeys.accept(one, one.began)
    journeys.attempted("to_telegram", "7", {"outcome": "dead", "reason": "blocked", "delivery": 5})
    journeys.attempted("to_telegram", "7", {"outcome": "retried", "attempt": 1, "reason": "down", "delivery": 5})
    assert (dead.stage, dead.reason, after.stage) == ("relay", "down", "relay")
    journeys.attempted("to_telegram", "7", {"outcome": "dead", "reason": "blocked", "delivery": 5})
    journeys.delivered("to_telegram", "7", dead.began + 2, 5)
    assert (dead.stage, dead.ms, after.stage) == ("there", 2000.0, "relay")


def test_where_no_dead_letter_lies_none_is_kept() -> None:
    """It stays undelivered, as far as anybody was told; one that died since is not meant."""
    journeys = Journeys()
    old, young, other = (journeys.begin("to_telegram", client, client) for client in "789")
    for one in (old, young, other):
        line = {"outcome": "dead", "reason": "blocked", "delivery": one.number}
        journeys.attempted("to_telegram", one.client, line)
    young.ended = LATER
    journeys.drop(other.number)
    journeys.clear("to_telegram", LATER - 1)
    assert [one.stage for one in (old, young, other)] == ["dead", "dead", "dead"]
    assert [one.dropped for one in (old, young, other)] == [True, False, True]


def test_what_the_relay_does_not_have_cannot_have_been_delivered() -> None:
    """A callback that was never answered stays where it is, whatever the log says of its lane."""
    journeys = Journeys()
    one = journeys.begin("to_telegram", "7", "a")
    journeys.delivered("to_telegram", "7", LATER)
    assert one.stage == "sent"


def test_when_nothing_waits_what_was_accepted_before_is_through() -> None:
    """Albums arrive as one, and some things are declined: there is no arrival to see, only that nothing waits."""
    journeys = Journeys()
    accepted, fresh, outside = (journeys.begin("to_kit", "7", key) for key in "123")
    journeys.accept(accepted, 10.0)
    journeys.accept(fresh, 30.0)
    journeys.settle("to_kit", 20.0)
    assert [one.stage for one in (accepted, fresh, outside)] == ["settled", "relay", "sent"]


@given(st.lists(st.tuples(st.sampled_from(["to_kit", "to_telegram"]), st.integers(0, 3), st.integers(0, 50))))
def test_an_id_begins_once(begun: list[tuple[str, int, int]]) -> None:
    """However often a ledger is read."""
    journeys = Journeys()
    for direction, client, key in begun:
        journeys.begin(direction, str(client), str(key))  # type: ignore[arg-type]
    keys = [(one.direction, one.key) for one in journeys.all]
    assert len(keys) == len(set(keys)) == len({(direction, str(key)) for direction, _, key in begun})


def test_the_oldest_are_forgotten() -> None:
    """A demo that is left alone with a load test does not grow for ever."""
    journeys = Journeys()
    for number in range(REMEMBERED + 5):
        journeys.begin("to_kit", "7", str(number), message=str(number))
    assert len(journeys.all) == REMEMBERED
    assert journeys.find("to_kit", "4") is journeys.of_message("to_kit", "7", "4") is None
    assert journeys.find("to_kit", "5") is not None
