"""No secret leaves, whatever happens and however talkative the log is."""

import json
from pathlib import Path

import aiohttp
import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between
from tests.secrets import secrets_in, spellings

ANNA = "107804195"


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_secret_leaves(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, log_format: str
) -> None:
    """Tokens, salt and JWTs stand in no event, link, header, log line, metric, health answer, error or database."""
    anna = telegram.customer(int(ANNA))
    jwts: set[str] = set()
    said: list[str] = []
    async with relay_between(telegram, kit, tmp_path, RELAY_LOG_FORMAT=log_format) as relay:
        _make_the_others_babble(telegram, kit)
        await relay.start()
        anna.sends_photo(png(), caption="hello")
        anna.sends_document(b"x" * 1000, file_name="paper.pdf")
        await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2)
        jwts |= _issued(kit)
        kit.revoke_access_tokens()
        anna.writes("and again")
        await kit.wait_for(lambda: len(kit.messages(ANNA)) == 3)
        jwts |= _issued(kit)
        url = kit.host_file(png(), "a.png", "image/png")
        await kit.agent_says(ANNA, "hi", [{"type": "photo", "file_name": "a.png", "file_url": url}])
        await kit.agent_says(ANNA, "there")
        await telegram.wait_for(lambda: "there" in telegram.chat(anna.id).texts)
        said += await _links_and_errors(relay, kit, telegram)
        said += [posted.text for posted in kit.callbacks.posted]
        for path in ("/metrics", "/readyz", "/healthz"):
            said.append((await relay.get(path))[1])
        stored = _database_files(tmp_path)
        assert len(stored) >= 2, "the write-ahead log was not looked at"
        assert await relay.stop() == 0
    said += [json.dumps(sent.body, ensure_ascii=False) for sent in kit.events]
    said += [json.dumps(call.params, ensure_ascii=False) for call in telegram.calls]
    assert telegram.faults.next_answers == kit.faults.next_answers == [], "not all of it was said"
    assert len(jwts) >= 4
    assert "delivery.attempted" in relay.log
    assert "debug" in relay.log.lower()
    haystacks = [*(text.encode() for text in said), relay.log.encode(), *stored]
    assert secrets_in(haystacks, spellings(telegram.token, kit.api_token, kit.salt, *jwts)) == []


def _make_the_others_babble(telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """Their errors repeat our secrets."""
    echo = {"success": False, "result": {"error": f"wrong access_token {kit.api_token} for {kit.url}", "code": 401}}
    kit.faults.answer_next(401, payload=echo, on="login")
    telegram.next_answer(500, f"cannot serve /bot{telegram.token}/sendPhoto", on="sendPhoto")
    telegram.next_answer(404, f"Not Found: /bot{telegram.token}/getFile", on="getFile")
    telegram.faults.answer_next(502, body=f"<h1>bot{telegram.token}</h1>".encode(), on="getUpdates")
    telegram.faults.lose_next(on="sendMessage")


async def _links_and_errors(relay: RelayProcess, kit: KitLookAlike, telegram: TelegramLookAlike) -> list[str]:
    """Open the media links well and badly, call back badly: everything that was answered, headers too."""
    links = [item["file_url"] for sent in kit.events for item in sent.payload]
    said = list(links)
    async with aiohttp.ClientSession() as session:
        for url in (*links, *links, relay.url + "/media/AAAAAAAAAAAAAAAAAAAAAA/x", relay.url + "/nowhere"):
            for headers in ({}, {"Range": "bytes=9999999-"}):
                async with session.get(url, headers=headers) as response:
                    said.append(f"{response.headers} {await response.read()!r}")
        telegram.faults.down = True
        async with session.get(links[0]) as response:
            said.append(f"{response.headers} {await response.read()!r}")
        telegram.faults.down = False
    for body, authorization in (
        (b"{}", kit.callbacks.sign_test()),
        (b'{"event_id": "e", "event_type": "send_message"}', kit.sign("e")),
        (b"{", kit.sign("e")),
        (b'{"event_id": "e"}', "0" * 32),
        (b'{"event_id": "e"}', None),
    ):
        await kit.post_callback(body, authorization)
    return said


def _database_files(home: Path) -> list[bytes]:
    """The database with its write-ahead log, as raw bytes."""
    return [path.read_bytes() for path in home.glob("relay.db*")]


def _issued(kit: KitLookAlike) -> set[str]:
    return {*kit.tokens._access, *kit.tokens._refresh}
