"""The control APIs and the program that the demo and the benchmarks use."""

import asyncio
import json
import signal
import sys

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.ordering import out_of_order
from relay.sandbox.telegram.server import TelegramLookAlike


async def test_a_customer_can_be_played_with_curl(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """A text and a file go in, the conversation comes out in order."""
    telegram.limits.on = False
    url = f"{telegram.url}/sandbox/customers/7/messages"
    async with http.post(url, json={"text": "hello", "first_name": "Boris"}) as answer:
        assert (await answer.json())["message_id"] == 1
    form = aiohttp.FormData()
    form.add_field("caption", "look")
    form.add_field("file", b"\xff\xd8\xff", filename="a.jpg", content_type="image/jpeg")
    async with http.post(url, data=form) as answer:
        assert answer.status == 200
    async with http.post(f"{telegram.url}/bot{telegram.token}/sendMessage", json={"chat_id": 7, "text": "hi"}):
        pass
    async with http.get(url) as answer:
        lines = await answer.json()
    assert [(line["from"], line.get("text", line.get("caption"))) for line in lines] == [
        ("customer", "hello"),
        ("customer", "look"),
        ("bot", "hi"),
    ]
    assert telegram.customer(7).user["first_name"] == "Boris"


@pytest.mark.parametrize(
    "header", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:80"}]
)
async def test_a_site_in_a_browser_cannot_play_anybody(
    telegram: TelegramLookAlike, kit: KitLookAlike, http: aiohttp.ClientSession, header: dict[str, str]
) -> None:
    """A browser says where a request comes from: nothing is said, and nothing is read, in its visitor's name."""
    url = f"{telegram.url}/sandbox/customers/7/messages"
    for method, address in (("POST", url), ("GET", url), ("POST", f"{kit.url}/sandbox/faults")):
        async with http.request(method, address, json={"text": "hello", "down": True}, headers=header) as answer:
            assert answer.status == 403
    assert not telegram.updates.pending
    assert not kit.faults.down


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_site_in_a_browser_cannot_speak_as_the_relay(
    telegram: TelegramLookAlike, kit: KitLookAlike, http: aiohttp.ClientSession, origin: str
) -> None:
    """A form that a site sends is no call of the bot's and no event; files may be looked at from anywhere."""
    telegram.customer(7).writes("hello")
    file_url = kit.host_file(b"x", "a.txt", "text/plain")
    for url in (
        f"{telegram.url}/bot{telegram.token}/sendMessage",
        f"{kit.url}/api/v3/botService/login",
        f"{kit.url}/x",
    ):
        async with http.post(url, data={"chat_id": "7", "text": "hi"}, headers={"Origin": origin}) as answer:
            assert answer.status == 403
    async with http.get(file_url, headers={"Origin": origin}) as answer:
        assert (answer.status, await answer.read()) == (200, b"x")
    async with http.post(file_url, headers={"Origin": origin}) as answer:
        assert answer.status == 403
    assert telegram.chat(7).texts == []


async def test_a_backlog_is_queued_in_turn_and_counted(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """Texts are CHAT:SEQ, and a reset forgets them."""
    async with http.post(f"{telegram.url}/sandbox/backlog", json={"updates": 500, "chats": 20}) as answer:
        assert (await answer.json())["pending"] == 500
    texts = [update["message"]["text"] for update in telegram.updates.pending]
    assert texts[20] == texts[0].replace(":0", ":1")
    async with http.post(f"{telegram.url}/sandbox/reset"):
        pass
    async with http.get(f"{telegram.url}/sandbox/stats") as answer:
        assert (await answer.json())["updates_pending"] == 0


async def test_kit_fires_a_load_and_answers_figures(kit: KitLookAlike, http: aiohttp.ClientSession) -> None:
    """Without a relay every callback fails, and is counted so."""
    kit.callbacks.url = "http://127.0.0.1:9/kit/callback"
    load = {"count": 6, "clients": ["1", "2", "3"], "concurrency": 2}
    async with http.post(f"{kit.url}/sandbox/callbacks", json=load) as answer:
        figures = await answer.json()
    assert (figures["sent"], figures["accepted"], figures["failed"]) == (6, 0, 6)
    async with http.get(f"{kit.url}/sandbox/stats") as answer:
        assert (await answer.json())["callbacks_posted"] == 6


def test_order_is_told_by_the_numbers_in_texts() -> None:
    """A lower number after a higher one in the same lane is out of order; other lanes and other texts don't matter."""
    assert out_of_order([("a", "a:0"), ("b", "b:5"), ("a", "a:1"), ("a", "hello")]) == 0
    assert out_of_order([("a", "a:0"), ("a", "a:2"), ("a", "a:1"), ("a", "a:3")]) == 1


async def test_the_program_says_where_it_listens_and_ends_on_sigterm() -> None:
    """One line of JSON with both URLs; exit 0."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay.sandbox", "--no-limits", stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    said = json.loads(await program.stdout.readline())
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{said['telegram']['url']}/bot{said['telegram']['token']}/getMe") as answer,
    ):
        assert (await answer.json())["result"]["username"] == said["telegram"]["username"]
    program.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(program.wait(), 90) == 0


@pytest.mark.parametrize(
    "body", ["Hello", "", "[1]", '"Hello"', '{"words": 1}', "\ud800".encode("utf-8", "surrogatepass")]
)
async def test_what_is_no_json_is_refused_in_words(
    telegram: TelegramLookAlike, kit: KitLookAlike, http: aiohttp.ClientSession, body: str | bytes
) -> None:
    """A slip in a curl line is answered 400 and says what is wanted, at both ends."""
    for place in (f"{telegram.url}/sandbox/customers/1/messages", f"{kit.url}/sandbox/agents/1/messages"):
        async with http.post(place, data=body) as answer:
            said = await answer.text()
            assert answer.status == 400
            assert "JSON" in said or "text is missing" in said
