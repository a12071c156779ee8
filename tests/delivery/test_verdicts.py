"""Refusals through the verdicts of a courier, on a clock that the test moves."""

import pytest

from relay.delivery.gate import LONE_REFUSALS, LONE_TIME, Gate
from relay.delivery.verdicts import Verdicts
from relay.errors import NotAccepted, Unavailable
from relay.model import Bury, Result, Retry
from tests.delivery.test_policy import delivery

REFUSED = NotAccepted("Kit refused it (HTTP 409)")


class Kit:
    """Whether its login is well, and how often that was asked."""

    def __init__(self) -> None:
        self.well = True
        self.asked = 0
        self.seconds = 1000.0

    async def check_login(self) -> None:
        self.asked += 1
        if not self.well:
            raise Unavailable("Kit refused the refresh token")


@pytest.fixture
def kit() -> Kit:
    return Kit()


@pytest.fixture
def verdicts(kit: Kit) -> Verdicts:
    return Verdicts("to_kit", Gate(), kit.check_login, now=lambda: kit.seconds)


async def refused(verdicts: Verdicts, kit: Kit, times: int = 1) -> list[Result]:
    """Refused so often, each time after the wait that the verdict before imposed."""
    results: list[Result] = []
    for _ in range(times):
        result = await verdicts.on(REFUSED, delivery(), kit.seconds)
        kit.seconds += result.after if isinstance(result, Retry) else 0.0
        results.append(result)
    return results


async def test_a_chat_that_writes_alone_is_given_up_once_the_login_is_fine(verdicts: Verdicts, kit: Kit) -> None:
    """Ten minutes of refusals, and Kit knows us as ever: it is the message."""
    began, results = kit.seconds, list[Result]()
    while not results or isinstance(results[-1], Retry):
        results += await refused(verdicts, kit)
    assert LONE_TIME <= kit.seconds - began <= LONE_TIME + 60.0
    assert len(results) >= LONE_REFUSALS
    assert results[-1] == Bury(str(REFUSED), "refused_content")
    assert kit.asked == 1


async def test_it_waits_for_as_long_as_the_login_is_not(verdicts: Verdicts, kit: Kit) -> None:
    """Hours of it bury nothing, at a try a minute; the login's recovery ends them."""
    kit.well = False
    hours = await refused(verdicts, kit, 300)
    assert all(isinstance(result, Retry) and result.free and result.after <= 60.0 for result in hours)
    assert kit.asked > 100
    kit.well = True
    [last] = await refused(verdicts, kit)
    assert isinstance(last, Bury)


async def test_among_others_the_second_refusal_is_the_last(verdicts: Verdicts, kit: Kit) -> None:
    """And what comes behind it in the chat begins anew."""
    [first] = await refused(verdicts, kit)
    verdicts.gate.passed(2, set_out=kit.seconds - 0.1)
    [second] = await refused(verdicts, kit)
    [next_one] = await refused(verdicts, kit)
    assert isinstance(first, Retry)
    assert isinstance(second, Bury)
    assert isinstance(next_one, Retry)
    assert kit.asked == 0


async def test_telegrams_refusal_is_its_word(kit: Kit) -> None:
    """It says what it refuses, so one is enough."""
    verdicts = Verdicts("to_telegram", Gate(), now=lambda: kit.seconds)
    assert isinstance(await verdicts.on(NotAccepted("Telegram: no"), delivery("to_telegram"), kit.seconds), Bury)
