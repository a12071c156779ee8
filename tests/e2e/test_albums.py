"""Albums, in a relay of its own process: whole, in order, and nobody waits for them but their own chat."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.sandbox.kit.ledger import Sent
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.claiming import ALBUM_LONGEST
from tests.e2e.process import RelayProcess
from tests.waiting import eventually

ANNA, BEN = 107804195, 107804196


def sends_items(customer: Customer, numbers: range) -> list[dict[str, Any]]:
    """Photos of one album, with these numbers as captions."""
    return [
        customer.sends("photo", caption=str(number), media_group_id="13600811234567890")["message"]
        for number in numbers
    ]


def numbers_in(messages: list[Sent]) -> list[int]:
    """The captions, in the order in which an agent reads them."""
    return [int(line) for sent in messages for line in (sent.text or "").splitlines() if line.isdecimal()]


async def accepted(relay: RelayProcess, updates: int) -> None:
    """Wait until this process has committed so many updates."""

    async def are_accepted() -> bool:
        return await relay.metric("relay_updates_total", verdict="accepted") >= updates

    await eventually(are_accepted)


@pytest.mark.timeout(60)
async def test_an_album_of_ten_late_siblings_and_a_kill_between(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Ten photos, the process killed while they wait, two of them late: all ten, in order, none twice."""
    anna = telegram.customer(ANNA)
    sent = sends_items(anna, range(4))
    await accepted(relay, 4)
    await relay.kill()
    assert kit.messages(ANNA) == []
    sent += sends_items(anna, range(4, 8))
    await relay.start()
    await kit.wait_for(lambda: len(numbers_in(kit.messages(ANNA))) == 8)
    began = len(kit.messages(ANNA))
    sent += sends_items(anna, range(8, 10))
    await kit.wait_for(lambda: len(numbers_in(kit.messages(ANNA))) == 10)
    figures = await relay.settled("to_kit")
    assert await relay.stop() == 0
    messages = kit.messages(ANNA)
    assert numbers_in(messages) == list(range(10))
    assert [item["file_name"] for each in messages for item in each.payload] == [
        f"photo {datetime.fromtimestamp(message['date'], UTC):%Y-%m-%d %H.%M} ({message['message_id']}).jpg"
        for message in sent
    ]
    assert len({item["file_url"] for each in messages for item in each.payload}) == 10
    # Whether the second four found the first still waiting depends on how fast the relay started.
    assert began in {1, 2}
    assert [(each.text or "").startswith("(album, continued)\n") for each in messages] == [False, *[True] * began]
    assert kit.contradictions == []
    assert not any(each.duplicate for each in messages)
    assert (figures.unaccounted, figures.dead) == (0, 0)


@pytest.mark.timeout(60)
async def test_an_album_that_trickles_in_and_a_chat_beside_it(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """One item a second is one message, what follows it waits for it, and another chat is served meanwhile, at once."""
    anna, ben = telegram.customer(ANNA), telegram.customer(BEN)
    for number in range(4):
        sends_items(anna, range(number, number + 1))
        ben.writes(str(number))
        await kit.wait_for(lambda number=number: len(kit.messages(BEN)) == number + 1)  # type: ignore[misc]
        assert kit.messages(ANNA) == [], "another chat waited for the album"
        if number < 3:
            await asyncio.sleep(1.0)  # so slowly they come
    anna.writes("this is what I wanted to say")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2, ALBUM_LONGEST)
    assert await relay.stop() == 0
    album, after = kit.messages(ANNA)
    assert (numbers_in([album]), len(album.payload)) == ([0, 1, 2, 3], 4)
    assert after.text == "this is what I wanted to say"
