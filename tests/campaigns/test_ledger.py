"""The ledger sees each broken promise, and every tooth of the campaign that breaks them is still there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from relay.sandbox.kit.callbacks import Posted
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.ledger import LOST, ORDER, REPEATS, WRONG, by_agent, by_customer, draw_up
from tests.campaigns.teeth import ROOT, TEETH, Tooth

CHAT, OTHER = 7, 8


class Records:
    """What two look-alikes have seen, entered by hand: three words of a customer's, three of an agent's."""

    def __init__(self) -> None:
        self.telegram, self.kit = TelegramLookAlike(), KitLookAlike()
        for number in (1, 2, 3):
            self.telegram.customer(CHAT).writes(by_customer(CHAT, number))
            made = self.kit.callbacks.message(str(CHAT), by_agent(CHAT, number))
            self.kit.callbacks.posted.append(Posted(made.event_id, 200, "OK", 0.0))

    def at_kit(self, number: int, *, at: int = CHAT, event_id: str | None = None) -> None:
        message = {"message_id": str(number), "text": by_customer(CHAT, number)}
        self.kit.ledger.record(
            {
                "event_id": event_id or f"e{number}",
                "client_data": {"client_id": str(at)},
                "event_data": {"message": message},
            },
            0.0,
        )

    def at_telegram(self, number: int, *, at: int = CHAT) -> None:
        place = len(self.telegram.calls)
        self.telegram.calls.append(Call("sendMessage", at, {"text": by_agent(CHAT, number)}, (), 0.0, place))


def _order(records: Records) -> None:
    records.at_kit(3)
    records.at_kit(2)


def _late_repeat(records: Records) -> None:
    for number in (2, 3, 2):
        records.at_telegram(number)


def _two_ids(records: Records) -> None:
    records.at_kit(2)
    records.at_kit(2, event_id="another")
    records.at_kit(3)


def _too_often(records: Records) -> None:
    for number in (2, 2, 2, 3):
        records.at_telegram(number)


CASES: list[tuple[str, Callable[[Records], None], set[str]]] = [
    ("a wrong client", lambda records: records.at_kit(2, at=OTHER), {WRONG, LOST}),
    ("a wrong chat", lambda records: records.at_telegram(2, at=OTHER), {WRONG, LOST}),
    ("out of order", _order, {ORDER, LOST}),
    ("a repeat after its successor", _late_repeat, {REPEATS, LOST}),
    ("a repeat under another id", _two_ids, {REPEATS, LOST}),
    ("more repeats than interruptions", _too_often, {REPEATS, LOST}),
]


@pytest.mark.parametrize(("happens", "broken"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_it_finds(happens: Callable[[Records], None], broken: set[str]) -> None:
    """What arrives nowhere is lost; what is wrong with what arrives is named."""
    records = Records()
    records.at_kit(1)
    records.at_telegram(1)
    happens(records)
    await records.telegram.updates.get(offset=records.telegram.updates.next_id)
    assert set(draw_up(records.telegram, records.kit, None, interruptions=1).found) == broken


async def test_two_of_a_chat_at_once_are_no_order_unless_it_is_another_chat_by_now() -> None:
    """Who was erased is a new customer, and nobody waits for what is on its way of the old one."""
    kit = KitLookAlike()
    with kit.traffic.of_client(str(CHAT)), kit.traffic.of_client(str(CHAT)):
        pass
    assert set(draw_up(TelegramLookAlike(), kit, None).found) == {ORDER}
    assert draw_up(TelegramLookAlike(), kit, None, erased={str(CHAT)}).held


async def test_a_promise_that_nobody_got_is_not_broken() -> None:
    """What was not confirmed, or not answered 200, may be nowhere yet; one repeat is allowed."""
    records = Records()
    for number in (1, 2, 2, 3):
        records.at_telegram(number)
    unanswered = records.kit.callbacks.message(str(CHAT), by_agent(CHAT, 4))
    records.kit.callbacks.posted.append(Posted(unanswered.event_id, 503, "", 0.0))
    verdict = draw_up(records.telegram, records.kit, None, interruptions=1)
    assert verdict.held, str(verdict)
    assert (verdict.said["to_kit"], verdict.said["to_telegram"], verdict.repeated["to_telegram"]) == (0, 3, 1)


@pytest.mark.parametrize("tooth", TEETH, ids=lambda tooth: tooth.name)
def test_no_tooth_has_fallen_out(tooth: Tooth) -> None:
    """What each of them changes stands in the source, once."""
    for change in tooth.changes:
        assert (ROOT / Path(change.path)).read_text().count(change.old) == 1, change
