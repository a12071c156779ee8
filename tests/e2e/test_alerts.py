"""A person is called, by a signed POST and in a chat: once, once when it is over, and in the operator's language."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.places import group
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.web.serving import serve
from tests.e2e.inside import InnerRelay, relay_inside
from tests.e2e.process import free_port, relay_between
from tests.waiting import eventually

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
GROUP = -1001


@dataclass
class Receiver:
    """Who takes alerts, and checks their signatures as https://www.standardwebhooks.com says."""

    port: int
    status: int = 204
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{right}"
        self.ids.append(request.headers["webhook-id"])
        if self.status < 300:
            self.got.append(json.loads(body))
        return web.Response(status=self.status)

    @property
    def types(self) -> list[tuple[str, str]]:
        return [(each["type"], each["data"]["kind"]) for each in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    taker, app = Receiver(free_port()), web.Application()
    app.router.add_post("/alerts", taker.take)
    async with serve(app, "127.0.0.1", taker.port):
        yield taker


def settings(receiver: Receiver) -> dict[str, str]:
    return {
        "RELAY_ALERT_URL": f"http://127.0.0.1:{receiver.port}/alerts",
        "RELAY_ALERT_SECRET": SECRET,
        "RELAY_ALERT_CHAT": str(GROUP),
    }


class Hours:
    """The alerts' clock, which a test can advance."""

    def __init__(self, relay: InnerRelay) -> None:
        alerts = relay.relay.alerts
        self._ahead, clock = 0.0, alerts.now
        alerts.now = lambda: clock() + self._ahead
        alerts.pause = 0.05

    def advance(self, seconds: float) -> None:
        self._ahead += seconds


async def looked(relay: InnerRelay) -> None:
    """A few looks have been taken since."""
    await asyncio.sleep(0)
    await relay.relay.alerts._look()


async def test_a_kit_that_is_down_is_told_once_and_its_end_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, receiver: Receiver, tmp_path: Path
) -> None:
    """Five minutes of outage: one POST and one line in the group; and so again when Kit is back. In German."""
    chat = group(telegram.world, GROUP)
    chat.takes_in(telegram.customer())
    more = settings(receiver) | {"RELAY_AGENT_LANGUAGE": "de"}
    async with relay_inside(telegram, kit, tmp_path, **more) as relay:
        hours = Hours(relay)
        await relay.ready()
        kit.faults.down = True
        telegram.customer().writes("hello")
        await relay.unready("kit")
        await looked(relay)
        assert receiver.got == []
        hours.advance(301)
        await eventually(lambda: _is(receiver.types == [("alert.raised", "kit")]))
        for _ in range(3):
            hours.advance(600)
            await looked(relay)
        kit.faults.down = False
        await relay.ready()
        await looked(relay)
        hours.advance(121)
        await eventually(lambda: _is(len(receiver.got) == 2))
        await looked(relay)
        assert receiver.types == [("alert.raised", "kit"), ("alert.over", "kit")]
        texts = telegram.chat(chat.id).texts
        assert len(texts) == 2
        assert texts[0].startswith("🔴 Kit ist nicht zu erreichen: ")
        assert texts[1].startswith("🟢 Es ist vorbei, nach ")
        assert receiver.got[0]["data"]["text"] == texts[0]


async def _is(true: bool) -> bool:  # noqa: FBT001 - a condition that is looked at again and again
    return true


async def test_a_receiver_that_is_away_is_told_later_under_the_same_id(
    telegram: TelegramLookAlike, kit: KitLookAlike, receiver: Receiver, tmp_path: Path
) -> None:
    """Nothing is lost when it answers 500 at first; and after a restart nothing is told twice."""
    group(telegram.world, GROUP).takes_in(telegram.customer())
    receiver.status = 500
    async with relay_inside(telegram, kit, tmp_path, **settings(receiver)) as relay:
        Hours(relay)
        await relay.ready()
        anna = telegram.customer()
        anna.writes("hello")
        await kit.wait_for(lambda: kit.texts(anna.id))
        anna.blocks_bot(announced=False)
        await kit.agent_says(anna.id, "are you there?")
        await eventually(lambda: _is(len(receiver.ids) >= 2))
        receiver.status = 200
        await eventually(lambda: _is(len(receiver.got) == 1))
        assert receiver.types == [("alert.raised", "dead")]
        assert len(set(receiver.ids)) == 1
    async with relay_inside(telegram, kit, tmp_path, **settings(receiver)) as relay:
        await relay.ready()
        await looked(relay)
        await looked(relay)
    assert len(receiver.got) == 1
    assert len(telegram.chat(GROUP).texts) == 1


async def test_the_group_is_not_left_and_nobody_in_it_is_a_customer(
    telegram: TelegramLookAlike, kit: KitLookAlike, receiver: Receiver, tmp_path: Path
) -> None:
    """What people write there reaches no agent; a group next to it is left as ever."""
    alerts, other = group(telegram.world, GROUP), group(telegram.world, GROUP - 1)
    async with relay_inside(telegram, kit, tmp_path, **settings(receiver)) as relay:
        alerts.takes_in(telegram.customer())
        other.takes_in(telegram.customer())
        alerts.hears(telegram.customer(), "who looks at this?")
        await telegram.wait_for(lambda: [call for call in telegram.calls if call.method == "leaveChat"])
        await relay.settled("to_telegram")
        left = [call.chat_id for call in telegram.calls if call.method == "leaveChat"]
    assert left == [other.id]
    assert kit.events == []


async def test_a_relay_that_dies_three_times_calls_when_it_lives(
    telegram: TelegramLookAlike, kit: KitLookAlike, receiver: Receiver, tmp_path: Path
) -> None:
    """Killed three times: the fourth process says so. One that was stopped as it should be does not count."""
    group(telegram.world, GROUP).takes_in(telegram.customer())
    async with relay_between(telegram, kit, tmp_path, **settings(receiver)) as relay:
        await relay.start()
        assert await relay.stop() == 0
        for _ in range(3):
            await relay.start()
            await relay.ready()
            assert receiver.got == []
            await relay.kill()
        await relay.start()
        await eventually(lambda: _is(receiver.types == [("alert.raised", "starts")]))
