"""Customers' pictures are looked up beside the messages, once a day, and a failure is nobody's loss."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from telegram import Bot

from relay.errors import Unavailable
from relay.intake.avatars import Avatars
from relay.model import Wants
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.store import Store, open_store
from relay.telegram.api import open_bot
from relay.telegram.photos import profile_photo
from relay.telegram.request import open_session
from tests.databases import new_database
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, known, update
from tests.waiting import eventually

ANNA = 7
DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with open_store(new_database(tmp_path), now=clock) as opened:
        await opened.accept(update(1, client=str(ANNA)))
        yield opened


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramLookAlike]:
    async with TelegramLookAlike() as look_alike:
        look_alike.customer(ANNA).writes("hello")
        yield look_alike


@pytest.fixture
async def bot(telegram: TelegramLookAlike) -> AsyncIterator[Bot]:
    async with open_session() as session:
        yield open_bot(telegram.token, telegram.url, session)


class Desk:
    """Avatars at work, for one customer."""

    def __init__(self, telegram: TelegramLookAlike, store: Store, clock: Clock, avatars: Avatars) -> None:
        self.telegram, self.store, self.clock, self.avatars = telegram, store, clock, avatars

    @property
    def asked(self) -> int:
        """How often Telegram was asked for pictures."""
        return len(self.telegram.lookups) + len(self.telegram.refused)

    async def path(self) -> str | None:
        """What follows /media/ in the link to the picture."""
        client = (await known(self.store, Wants(str(ANNA)))).client
        assert client is not None
        return client.avatar

    async def a_day_later(self) -> str | None:
        """Let the customer write a day after the last time; what follows /media/ when the picture was looked up."""
        self.clock.advance(DAY)
        before = self.asked
        self.avatars.note(str(ANNA))
        await self.telegram.wait_for(lambda: self.asked == before + 1)

        async def kept() -> bool:
            return await self.store.whose_avatar(CHANNEL, str(ANNA), self.clock() - 1) is None

        await eventually(kept)
        return await self.path()


@pytest.fixture
async def desk(telegram: TelegramLookAlike, store: Store, clock: Clock, bot: Bot) -> AsyncIterator[Desk]:
    numbers = count(1)
    look = partial(profile_photo, bot, lambda: f"capability-{next(numbers):05d}")
    avatars = Avatars(CHANNEL, store, look, clock)
    task = asyncio.create_task(avatars.run())
    yield Desk(telegram, store, clock, avatars)
    task.cancel()
    await asyncio.wait([task])


async def test_the_same_picture_keeps_its_link_and_a_new_one_changes_its_name(desk: Desk) -> None:
    """One capability for a customer's pictures in turn: old links show the newest one, and end with the last one."""
    anna = desk.telegram.customer(ANNA)
    assert await desk.a_day_later() is None
    anna.wears_photo(png(8, 8))
    first = await desk.a_day_later()
    assert first is not None
    assert await desk.a_day_later() == first
    capability = first.partition("/")[0]
    before = await desk.store.find_media(capability)
    anna.wears_photo(png(16, 16))
    second = await desk.a_day_later()
    assert second is not None
    assert second != first
    assert second.startswith(f"{capability}/")
    after = await desk.store.find_media(capability)
    assert before is not None
    assert after is not None
    assert before.file_id != after.file_id
    anna.takes_photo_off()
    assert await desk.a_day_later() is None
    assert await desk.store.find_media(capability) is None
    anna.wears_photo(png(16, 16))
    third = await desk.a_day_later()
    assert third is not None
    assert not third.startswith(capability), "what was withdrawn is never opened again"


async def test_who_writes_often_is_looked_up_once_a_day(desk: Desk, store: Store, clock: Clock) -> None:
    """Neither a second message nor a restart asks again before the day is over."""
    desk.telegram.customer(ANNA).wears_photo()
    path = await desk.a_day_later()
    clock.advance(DAY - 1)
    for _ in range(3):
        desk.avatars.note(str(ANNA))
    assert await store.whose_avatar(CHANNEL, str(ANNA), clock() - DAY) is None
    assert await store.whose_avatar(CHANNEL, "nobody", clock()) is None
    assert desk.asked == 1
    assert await desk.path() == path


async def test_a_refusal_changes_nothing_until_tomorrow(desk: Desk) -> None:
    """Telegram may not know a user any more: their picture stays what it was, and they are asked about next day."""
    desk.telegram.customer(ANNA).wears_photo()
    path = await desk.a_day_later()
    desk.telegram.next_answer(400, "Bad Request: user not found", on="getUserProfilePhotos")
    assert await desk.a_day_later() == path
    assert await desk.a_day_later() == path
    assert desk.asked == 3


async def test_after_an_outage_the_next_message_asks_again(desk: Desk) -> None:
    """What Telegram did not answer was not looked up; and nobody else is asked about before it may be."""
    desk.telegram.customer(ANNA).wears_photo()
    desk.telegram.next_answer(429, "Too Many Requests: retry after 1", on="getUserProfilePhotos", retry_after=1)
    desk.avatars.note(str(ANNA))
    await desk.telegram.wait_for(lambda: desk.asked == 1)
    asked_at = desk.telegram.clock()
    assert await desk.a_day_later() is not None
    assert desk.telegram.clock() - asked_at >= 1.0


@pytest.mark.parametrize("answer", [{}, [], {"photos": 5}, {"photos": {"0": []}}])
async def test_an_answer_that_makes_no_sense_is_an_outage(
    telegram: TelegramLookAlike, bot: Bot, answer: object
) -> None:
    """It is not taken for a customer without a picture."""
    telegram.faults.answer_next(200, payload={"ok": True, "result": answer}, on="getUserProfilePhotos")
    with pytest.raises(Unavailable):
        await profile_photo(bot, lambda: "capability", ANNA)


@pytest.mark.parametrize(
    "sizes",
    [[], [{}], [5], {"file_id": "a"}, [{"file_id": "", "file_unique_id": "u", "width": 1, "height": 1}]],
)
async def test_a_picture_without_a_usable_size_is_none(telegram: TelegramLookAlike, bot: Bot, sizes: object) -> None:
    """Whatever JSON stands there."""
    result = {"total_count": 1, "photos": [sizes]}
    telegram.faults.answer_next(200, payload={"ok": True, "result": result}, on="getUserProfilePhotos")
    assert await profile_photo(bot, lambda: "capability", ANNA) is None
