"""The Kit look-alike takes documented requests and no others."""

import asyncio
import copy
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.kit.writing import php_json
from relay.sandbox.shared.serving import Server

SAMPLES = Path(__file__).parents[1] / "samples" / "kit"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVENT: dict[str, Any] = {
    "client_data": {"client_id": "107804195", "client_display_name": "Anna", "client_language": "en"},
    "event_id": "e-1",
    "event_type": "send_message",
    "event_data": {"message": {"message_id": "m-1", "text": "hello"}},
}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def login(http: aiohttp.ClientSession, kit: KitLookAlike, **changes: str) -> Any:
    query = f"domain={kit.domain}&access_token={quote(changes.get('api_token', kit.api_token), safe='')}"
    url = f"{kit.url}/api/v3/botService/login?{changes.get('query', query)}"
    body = changes.get("body", f"channel_uuid={kit.channel_uuid}")
    headers = {"Content-Type": changes.get("content_type", FORM["Content-Type"])}
    # The query is sent as it stands: aiohttp would otherwise decode and encode it anew.
    async with http.post(URL(url, encoded=True), data=body.encode(), headers=headers) as answer:
        return await answer.json()


async def refresh(http: aiohttp.ClientSession, kit: KitLookAlike, token: str) -> Any:
    async with http.post(f"{kit.url}/api/v3/botService/refreshToken", data={"refresh_token": token}) as answer:
        return await answer.json()


async def send(http: aiohttp.ClientSession, kit: KitLookAlike, token: str, event: object) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(f"{kit.url}/{kit.channel_uuid}", json=event, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_login_opens_the_channel_and_events_reach_the_ledger(
    kit: KitLookAlike, http: aiohttp.ClientSession
) -> None:
    """A repeated event_id is kept as a duplicate; another body under it is a contradiction."""
    token = (await login(http, kit))["result"]["access_token"]
    assert await send(http, kit, token, EVENT) == (200, {"success": True, "result": True})
    assert (await send(http, kit, token, EVENT))[0] == 200
    other = copy.deepcopy(EVENT)
    other["event_data"]["message"]["text"] = "changed"
    await send(http, kit, token, other)
    assert kit.texts("107804195") == ["hello"]
    assert [sent.duplicate for sent in kit.events] == [False, True, True]
    assert kit.contradictions == ["e-1"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"api_token": "wrong"}, 401),
        ({"query": f"domain={'sandbox'}&access_token=api+token/1=="}, 401),
        ({"query": "domain=sandbox"}, 400),
        ({"query": "domain=sandbox&access_token=x&more=1"}, 400),
        ({"body": "channel_uuid=other"}, 404),
        ({"body": "{}"}, 400),
        ({"content_type": "application/json"}, 400),
    ],
)
async def test_logins_of_any_other_form_are_refused(
    kit: KitLookAlike, http: aiohttp.ClientSession, changes: dict[str, str], code: int
) -> None:
    """Wrong values are 401 or 404, a wrong form is 400; an unencoded plus is a wrong value."""
    answer = await login(http, kit, **changes)
    assert answer["success"] is False
    assert answer["result"]["code"] == code
    assert kit.tokens.logins == 0


async def test_tokens_end_by_the_clock_and_a_refresh_makes_new_ones(http: aiohttp.ClientSession) -> None:
    """900 s for access, 24 h for refresh; the old pair dies with the refresh; revoking works at once."""
    clock = Clock()
    async with KitLookAlike(clock=clock) as kit:
        pair = (await login(http, kit))["result"]
        clock.now += 899
        assert (await send(http, kit, pair["access_token"], EVENT))[0] == 200
        clock.now += 1
        assert (await send(http, kit, pair["access_token"], EVENT))[0] == 401
        second = (await refresh(http, kit, pair["refresh_token"]))["result"]
        assert (await send(http, kit, second["access_token"], EVENT))[0] == 200
        assert (await refresh(http, kit, pair["refresh_token"]))["success"] is False
        clock.now += 24 * 3600
        assert (await refresh(http, kit, second["refresh_token"]))["success"] is False
        third = (await login(http, kit))["result"]
        kit.revoke_access_tokens()
        kit.refusals_as_200 = True
        status, answer = await send(http, kit, third["access_token"], EVENT)
        assert (status, answer["success"], answer["result"]["code"]) == (200, False, 401)
        kit.revoke_api_token()
        assert (await login(http, kit))["success"] is False
        assert (kit.tokens.logins, kit.tokens.refreshes) == (2, 1)


async def test_the_documentations_own_example_is_taken(kit: KitLookAlike, http: aiohttp.ClientSession) -> None:
    """It holds every field there is, and empty strings where nothing is known."""
    token = (await login(http, kit))["result"]["access_token"]
    texts = "client_phone client_avatar client_display_name client_email client_language"
    example = copy.deepcopy(EVENT)
    example["client_data"] = {"client_id": "107804195", **dict.fromkeys(texts.split(), "")}
    example["client_data"] |= {
        "utm": dict.fromkeys(["source", "campaign", "content", "medium", "term"], ""),
        "page": {"url": "", "title": ""},
        "location": {
            "latitude": 0.0,
            "longitude": 0.0,
            **dict.fromkeys(["country", "country_code", "region", "region_code", "city", "ip_address"], ""),
        },
        "device": {"type": "", "model": "", "user_agent": ""},
    }
    example["event_data"]["message"]["payload"] = [
        {"type": kind, "file_name": f"a.{kind}", "file_url": f"https://example.com/a.{kind}"}
        for kind in ("photo", "video", "audio", "document")
    ]
    assert await send(http, kit, token, example) == (200, {"success": True, "result": True})


MESSAGE = {"message_id": "m"}
PHOTO = {"type": "photo", "file_name": "a.jpg", "file_url": "https://example.com/a.jpg"}


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("event_id", 5, "event_id must be a string"),
        ("event_id", None, "event_id must be left out instead of null"),
        ("event_type", "typing", "event_type must be send_message"),
        ("colour", "red", "colour is not a documented field"),
        ("client_data", {}, "client_data.client_id is required"),
        ("client_data", {"client_id": 107804195}, "client_data.client_id must be a string"),
        ("client_data", {"client_id": "a b"}, "client_data.client_id must be 1-100"),
        ("client_data", {"client_id": "1", "client_phone": None}, "client_data.client_phone must be left out"),
        ("client_data", {"client_id": "1", "vip": "yes"}, "client_data.vip is not a documented field"),
        ("client_data", {"client_id": "1", "utm": {"source": 1}}, "client_data.utm.source must be a string"),
        ("client_data", {"client_id": "1", "location": {"latitude": "52"}}, "location.latitude must be a number"),
        ("event_data", {"message": {"text": "x"}}, "event_data.message.message_id is required"),
        ("event_data", {"message": MESSAGE}, "is empty: neither text nor payload"),
        ("event_data", {"message": MESSAGE | {"text": " \n"}}, "is empty: neither text nor payload"),
        ("event_data", {"message": MESSAGE | {"payload": []}}, "payload must be a non-empty array"),
        ("event_data", {"message": MESSAGE | {"payload": [{"type": "voice"}]}}, "payload[0].type must be one of"),
        ("event_data", {"message": MESSAGE | {"payload": [PHOTO | {"caption": "x"}]}}, "caption is not a documented"),
        ("event_data", {"message": MESSAGE | {"payload": [PHOTO | {"file_url": "/a"}]}}, "must be an absolute http(s)"),
        ("event_data", {"message": MESSAGE | {"payload": [PHOTO | {"file_name": ""}]}}, "file_name must not be blank"),
        ("event_data", {"message": MESSAGE | {"text": "\ud800"}}, "half a surrogate pair"),
    ],
)
async def test_events_of_any_other_form_are_refused_by_field(
    kit: KitLookAlike, http: aiohttp.ClientSession, path: str, value: object, reason: str
) -> None:
    """The answer names the field; the ledger stays empty."""
    token = (await login(http, kit))["result"]["access_token"]
    status, answer = await send(http, kit, token, EVENT | {path: value})
    assert (status, answer["success"]) == (400, False)
    assert reason in answer["result"]["error"]
    assert not kit.events


async def test_two_events_of_one_client_at_once_are_noted(kit: KitLookAlike, http: aiohttp.ClientSession) -> None:
    """Overlaps are counted for one client, not for two."""
    token = (await login(http, kit))["result"]["access_token"]
    kit.faults.hold = asyncio.Event()
    other = EVENT | {"client_data": {"client_id": "2"}, "event_id": "e-2"}
    apart = [asyncio.create_task(send(http, kit, token, event)) for event in (EVENT, other)]
    await kit.wait_for(lambda: len(kit.events) == 2)
    assert (kit.in_flight_peak, kit.overlaps) == (2, 0)
    again = asyncio.create_task(send(http, kit, token, EVENT | {"event_id": "e-3"}))
    await kit.wait_for(lambda: len(kit.events) == 3)
    assert (kit.in_flight_peak, kit.overlaps) == (3, 1)
    kit.faults.hold.set()
    await asyncio.gather(*apart, again)


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("[!s]*.json")), ids=lambda path: path.stem)
def test_callbacks_are_written_as_the_official_client_writes_them(sample: Path) -> None:
    """The serialisation reproduces the recorded bodies to the byte, and the signatures too."""
    body = sample.read_bytes().strip()
    document = json.loads(body)
    assert php_json(document) == body
    kit = KitLookAlike(api_token="api-token-1")
    assert kit.sign(document["event_id"]) == json.loads((SAMPLES / "signatures.json").read_text())[sample.stem]


async def test_callbacks_are_signed_and_repeated_in_order_until_accepted(kit: KitLookAlike) -> None:
    """A relay that refuses at first gets the same event again before the next one of that client."""
    seen: list[str] = []

    async def relay(request: web.Request) -> web.Response:
        if request.method == "GET":
            assert request.headers["Authorization"] == hashlib.md5(f"{kit.salt}:{kit.api_token}".encode()).hexdigest()  # noqa: S324 - Kit's own scheme
            return web.Response(text="OK")
        event = await request.json()
        assert request.headers["Authorization"] == kit.sign(event["event_id"])
        seen.append(event["event_id"])
        return web.Response(status=503 if len(seen) == 1 else 200)

    def application() -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/kit/callback", relay)
        return app

    async with Server(application) as server:
        kit.callback_url = f"{server.url}/kit/callback"
        assert (await kit.test_callback()).text == "OK"
        kit.enqueue_callbacks(kit.callbacks.message("7", text, event_id=text) for text in ("one", "two"))
        await kit.callbacks_done()
        assert seen == ["one", "one", "two"]
        assert await kit.agent_says("7", "three") == 200
        assert await kit.close_conversation("7") == 200
    assert await kit.agent_says("7", "nobody there") is None


async def test_agents_files_can_be_hosted_badly(kit: KitLookAlike, http: aiohttp.ClientSession) -> None:
    """Good, redirected, missing, cut short, stalled: each as it is told to."""
    good = kit.host_file(b"%PDF", "договор №5.pdf", "application/pdf")
    async with http.get(good) as answer:
        assert (await answer.read(), answer.content_type) == (b"%PDF", "application/pdf")
    async with http.get(kit.host_file(1, redirect_to=good), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, good)
    async with http.get(kit.host_file(1, status=404)) as answer:
        assert answer.status == 404
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.get(kit.host_file(b"short", claimed_length=10)) as answer:
            await answer.read()
    async with http.get(kit.host_file(b"slow", drip=(1, 0.001))) as answer:
        assert await answer.read() == b"slow"
    stalled = kit.host_file(100, stalls_after=10)
    async with http.get(stalled) as answer:
        assert len(await answer.content.readexactly(10)) == 10
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.content.read(), 0.05)
    assert kit.hosted(stalled).fetches == 1
