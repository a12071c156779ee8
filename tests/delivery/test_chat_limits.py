from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.delivery.chat_limits import Chats

ANNA, GROUP = 7, -7


def leaves(chats: Chats, chat_id: int, messages: int, now: float) -> float:
    """Wait until so many messages may leave, and let them: when that was."""
    now += chats.delay(chat_id, messages, now)
    assert chats.delay(chat_id, messages, now) == pytest.approx(0, abs=1e-6)
    chats.left(chat_id, messages, now)
    return now


def test_a_person_gets_three_at_once_and_then_one_a_second() -> None:
    """A short burst passes; an album is one message."""
    chats, now, times = Chats(1.0), 0.0, []
    for messages in (1, 10, 1, 1, 1):
        now = leaves(chats, ANNA, messages, now)
        times.append(now)
    assert times == pytest.approx([0, 0, 0, 1, 2])


def test_a_group_gets_twenty_a_minute_and_an_album_counts_its_files() -> None:
    """What would be the twenty-first message of a minute waits for the next one."""
    chats, now = Chats(1.0), 0.0
    for messages in (10, 1, 4):
        now = leaves(chats, GROUP, messages, now)
    assert now == 0
    assert leaves(chats, GROUP, 5, now) == pytest.approx(1)
    assert leaves(chats, GROUP, 1, now) == pytest.approx(61)


def test_chats_do_not_wait_for_each_other() -> None:
    """A chat that has had its share, or is parked, costs the others nothing."""
    chats = Chats(1.0)
    for _ in range(3):
        chats.left(ANNA, 1, 0.0)
    chats.park(8, 5.0, 0.0)
    assert [chats.delay(chat, 1, 0.0) for chat in (ANNA, 8, 9)] == [1.0, 5.0, 0.0]
    assert chats.delay(8, 1, 5.0) == 0.0


def test_a_chats_next_place_is_kept_for_one() -> None:
    """Several clients of one chat: while one waits for its turn the others come back later, and take no turn."""
    chats = Chats(1.0)
    with chats.next_in(GROUP):
        assert chats.delay(GROUP, 1, 0.0) == 1.0
        assert chats.delay(ANNA, 1, 0.0) == 0.0
    assert chats.delay(GROUP, 1, 0.0) == 0.0


def test_without_a_limit_only_telegrams_own_word_counts() -> None:
    """A rate of 0 paces nothing, groups included; a 429 is obeyed all the same."""
    chats = Chats(0)
    for _ in range(100):
        chats.left(GROUP, 10, 0.0)
    assert chats.delay(GROUP, 10, 0.0) == 0.0
    chats.park(GROUP, 3.0, 0.0)
    assert chats.delay(GROUP, 1, 1.0) == 2.0


def test_what_is_over_is_forgotten() -> None:
    """A hundred thousand chats, one after the other, leave no more behind than those of the last minute or so."""
    chats = Chats(1.0)
    for number in range(100_000):
        chat, now = (-1 - number, number / 30) if number % 2 else (1 + number, number / 30)
        chats.left(chat, 1, now)
        chats.park(chat, 1.0, now)
    held = sum(len(kept) for kept in (chats._groups, chats._parked, chats._paces._next))
    assert held < 13_000


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(1, 10)), min_size=1, max_size=80))
def test_no_minute_of_a_group_holds_more_than_twenty(wishes: list[tuple[float, int]]) -> None:
    """However the messages come, and though each is up to a second on its way."""
    chats, now = Chats(1.0), 0.0
    times: list[float] = []
    for gap, messages in wishes:
        now = leaves(chats, GROUP, messages, now + gap)
        times += [now] * messages
    for number, start in enumerate(times):
        assert bisect_right(times, start + 59.999) - number <= 20
