"""The faults that tests and benchmarks switch on do what they say."""

import asyncio
import json
import socket
import time
from contextlib import suppress

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike

CHAT = 107804195


async def say(http: aiohttp.ClientSession, telegram: TelegramLookAlike, text: str) -> int:
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    async with http.post(url, json={"chat_id": CHAT, "text": text}) as answer:
        await answer.read()
        return answer.status


async def test_a_lost_answer_has_had_its_effect(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """The message is in the chat though its sender never heard of it; the next answer arrives."""
    telegram.customer(CHAT).writes("hi")
    telegram.faults.lose_next(1, on="sendMessage", of=CHAT)
    with pytest.raises(aiohttp.ClientError):
        await say(http, telegram, "lost")
    assert await say(http, telegram, "heard") == 200
    assert telegram.chat(CHAT).texts == ["lost", "heard"]
    assert telegram.faults.lost == 1


async def test_one_chat_hangs_and_the_others_do_not(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """What is sent to it is done at once, and answered when the switch is off; who is not meant notices nothing."""
    for chat in (CHAT, CHAT + 1):
        telegram.customer(chat).writes("hi")
    async with http.post(f"{telegram.url}/sandbox/faults", json={"hang_of": [CHAT + 1]}) as answer:
        assert answer.status == 200
    url = f"{telegram.url}/bot{telegram.token}/sendMessage"
    hanging = asyncio.create_task(http.post(url, json={"chat_id": CHAT + 1, "text": "hangs"}))
    assert await say(http, telegram, "goes") == 200
    await telegram.wait_for(lambda: telegram.chat(CHAT + 1).texts == ["hangs"])
    assert not hanging.done()
    telegram.faults.clear()
    async with await hanging as answer:
        assert answer.status == 200


async def test_down_closes_connections_and_does_nothing(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """While down, nothing is answered and nothing happens; the control API stays."""
    telegram.customer(CHAT).writes("hi")
    async with http.post(f"{telegram.url}/sandbox/faults", json={"down": True}) as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await say(http, telegram, "nobody")
    telegram.faults.clear()
    assert await say(http, telegram, "back") == 200
    assert telegram.chat(CHAT).texts == ["back"]


async def test_who_hangs_does_nothing_and_cuts_off_afterwards(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """Connections come about, and nothing else; who waited through it has waited for nothing."""
    telegram.customer(CHAT).writes("hi")
    async with http.post(f"{telegram.url}/sandbox/faults", json={"hang": True}) as answer:
        assert answer.status == 200
    waiting = asyncio.create_task(say(http, telegram, "hello?"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    async with http.post(f"{telegram.url}/sandbox/faults", json={"hang": False}) as answer:
        assert answer.status == 200
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert telegram.chat(CHAT).texts == []
    assert await say(http, telegram, "back") == 200


async def test_what_is_always_answered_is_so_until_the_switch_is_off(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """By one command, of one operation; the others go on."""
    telegram.customer(CHAT).writes("hi")
    page = {"status": 403, "body": "<html>", "headers": {"Content-Type": "text/html"}, "on": "sendMessage"}
    async with http.post(f"{telegram.url}/sandbox/faults", json={"always": page}) as answer:
        assert answer.status == 200
    assert [await say(http, telegram, "no") for _ in range(3)] == [403] * 3
    async with http.get(f"{telegram.url}/bot{telegram.token}/getMe") as answer:
        assert answer.status == 200
    async with http.post(f"{telegram.url}/sandbox/faults", json={"always": None}) as answer:
        assert answer.status == 200
    assert await say(http, telegram, "yes") == 200
    assert telegram.chat(CHAT).texts == ["yes"]


async def test_a_stopped_server_refuses_and_comes_back_on_its_port(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """An open long poll is cut at once, connections are refused, and the same URL works after a start."""
    telegram.customer(CHAT).writes("hi")
    url, began = telegram.url, time.monotonic()
    poll = asyncio.create_task(http.get(f"{url}/bot{telegram.token}/getUpdates?timeout=30&offset=999"))
    telegram.updates.clear()
    await telegram.wait_for(lambda: telegram.updates.is_polled)
    await telegram.server.stop()
    with pytest.raises(aiohttp.ClientError):
        await poll
    with pytest.raises(aiohttp.ClientConnectorError):
        await say(http, telegram, "refused")
    await telegram.server.start()
    assert telegram.url == url
    assert await say(http, telegram, "back") == 200
    assert time.monotonic() - began < 20


async def test_held_answers_leave_when_they_are_let_go(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """The effect is there while the answer waits."""
    telegram.customer(CHAT).writes("hi")
    telegram.faults.hold = asyncio.Event()
    sending = asyncio.create_task(say(http, telegram, "held"))
    await telegram.wait_for(lambda: telegram.chat(CHAT).texts == ["held"])
    assert not sending.done()
    telegram.faults.hold.set()
    assert await sending == 200


async def test_latency_delays_answers(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """Each answer takes as long as it is told to."""
    telegram.customer(CHAT).writes("hi")
    telegram.faults.latency = 0.1
    began = time.monotonic()
    await say(http, telegram, "slow")
    assert time.monotonic() - began >= 0.1


async def test_scripted_answers_come_in_any_form(kit: KitLookAlike, http: aiohttp.ClientSession) -> None:
    """Kit may answer a page of HTML with 502, as often as it is told to, where it is told to."""
    kit.faults.answer_next(502, body=b"<html>", headers={"Content-Type": "text/html"}, on="login", times=2)
    url = f"{kit.url}/api/v3/botService/login"
    for _ in range(2):
        async with http.post(url) as answer:
            assert (answer.status, await answer.text()) == (502, "<html>")
    async with http.post(url) as answer:
        assert json.loads(await answer.text())["success"] is False


async def test_waiting_in_vain_tells_what_had_happened(telegram: TelegramLookAlike) -> None:
    """A deadline that passes says so, with counts."""
    with pytest.raises(TimeoutError, match="0 calls, 0 refused"):
        await telegram.wait_for(lambda: False, timeout=0.01)


@pytest.mark.parametrize("rounds", range(5))
async def test_who_connects_as_a_server_stops_is_hung_up_on(telegram: TelegramLookAlike, rounds: int) -> None:
    """However many rounds of the loop before the stop it was."""
    loop = asyncio.get_running_loop()
    with socket.create_connection(("127.0.0.1", telegram.server.port)) as client:
        for _ in range(rounds):
            await asyncio.sleep(0)
        await telegram.server.stop()
        client.settimeout(0)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 10) == b""
