"""Kit's callback: only Kit gets in, once, and only to customers who wrote first."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from relay.sandbox.kit.callbacks import Callback
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.kit.writing import php_json
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay, relay_inside
from tests.kit.length_extension import extend
from tests.waiting import eventually

ANNA = "107804195"


@dataclass
class Desk:
    """A relay to which Anna has written, between the two."""

    relay: InnerRelay
    telegram: TelegramLookAlike
    kit: KitLookAlike

    @property
    def texts(self) -> list[str]:
        """What Anna got."""
        return self.telegram.chat(int(ANNA)).texts

    async def post(
        self, body: bytes, authorization: str | bytes | None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Send these very bytes to the callback over a connection of their own: status and text of the answer."""
        lines = [f"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nContent-Length: {len(body)}\r\nConnection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        head = "\r\n".join(lines).encode()
        if authorization is not None:
            value = authorization if isinstance(authorization, bytes) else authorization.encode()
            head += b"\r\nAuthorization: " + value
        reader, writer = await asyncio.open_connection("127.0.0.1", self.relay.port)
        try:
            writer.write(head + b"\r\n\r\n" + body)
            answer = await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
        status, _, rest = answer.decode().partition("\r\n")
        return int(status.split()[1]), rest.partition("\r\n\r\n")[2]

    async def counted(self, verdict: str) -> int:
        return int(await self.relay.metric("relay_callbacks_total", verdict=verdict))

    async def nothing_went_out(self) -> None:
        """Whatever was posted before has reached nobody: a message posted now is the first that arrives."""
        before = list(self.texts)
        assert await self.kit.agent_says(ANNA, "afterwards") == 200
        await self.telegram.wait_for(lambda: "afterwards" in self.texts)
        assert self.texts == [*before, "afterwards"]


@pytest.fixture
async def desk(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> AsyncIterator[Desk]:
    async with relay_inside(telegram, kit, tmp_path) as relay:
        telegram.customer(int(ANNA)).writes("hello")
        await kit.wait_for(lambda: kit.messages(ANNA))
        yield Desk(relay, telegram, kit)


def message(kit: KitLookAlike, text: str, event_id: str | None = None, client: str = ANNA) -> Callback:
    return kit.callbacks.message(client, text, event_id=event_id)


async def test_twenty_copies_at_once_are_one_message(desk: Desk) -> None:
    """All twenty are answered 200, the customer reads it once, and nineteen are counted as duplicates."""
    callback = message(desk.kit, "only once")
    posted = await asyncio.gather(*(desk.kit.callbacks.post(callback) for _ in range(20)))
    assert [(one.status, one.text) for one in posted] == [(200, "OK")] * 20
    await desk.telegram.wait_for(lambda: desk.texts)
    await desk.nothing_went_out()
    assert desk.texts == ["only once", "afterwards"]
    assert await desk.counted("duplicate") == 19


async def test_a_replay_does_nothing(desk: Desk) -> None:
    """A callback that somebody recorded and sends again, minutes later or after a restart, is answered and dropped."""
    callback = message(desk.kit, "once")
    assert (await desk.kit.callbacks.post(callback)).status == 200
    await desk.telegram.wait_for(lambda: desk.texts)
    for _ in range(3):
        assert (await desk.kit.callbacks.post(callback)).status == 200
    await desk.nothing_went_out()
    assert desk.texts == ["once", "afterwards"]


async def test_a_known_id_with_another_body_is_tampered(desk: Desk) -> None:
    """The signature does not cover the body, so the first body of an id wins; the other is counted, not delivered."""
    first = message(desk.kit, "genuine", "event-1")
    forged = message(desk.kit, "send money to", "event-1")
    assert first.authorization == forged.authorization
    assert [(await desk.kit.callbacks.post(one)).status for one in (first, forged)] == [200, 200]
    await desk.telegram.wait_for(lambda: desk.texts)
    await desk.nothing_went_out()
    assert desk.texts == ["genuine", "afterwards"]
    assert await desk.counted("tampered") == 1


AUTHORIZATIONS: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "too short": b"be99525907d88015990c44c781af19d",
    "too long": b"be99525907d88015990c44c781af19d8d8",
    "no hex digits": b"zz99525907d88015990c44c781af19d8",
    "of something else": b"0" * 32,
    "not ASCII": "é".encode() * 16,
    "no text at all": bytes(range(0x80, 0xA0)),
    "endless": b"a" * 7000,
    "a list": b"0" * 32 + b", " + b"1" * 32,
    "Basic": b"Basic YTpi",
}


@pytest.mark.parametrize("authorization", AUTHORIZATIONS.values(), ids=AUTHORIZATIONS.keys())
async def test_a_forged_signature_opens_nothing(desk: Desk, authorization: bytes | None) -> None:
    """401 in the same words for every wrong signature, counted, nothing stored, nothing delivered."""
    callback = message(desk.kit, "forged")
    assert await desk.post(callback.body, authorization) == (401, "the signature does not match")
    assert await desk.counted("refused") == 1
    assert (await desk.relay.figures("to_telegram")).received == 0
    await desk.nothing_went_out()


@pytest.mark.parametrize("spelling", ["signature: {}", "signature:{}", "signature {}", "Signature={}"])
async def test_words_before_the_signature_change_nothing(desk: Desk, spelling: str) -> None:
    """However Kit writes its header, the digest in it proves that it is Kit."""
    callback = message(desk.kit, "proven")
    assert await desk.post(callback.body, spelling.format(callback.authorization)) == (200, "OK")
    await desk.telegram.wait_for(lambda: desk.texts == ["proven"])


async def test_a_byte_order_mark_before_the_json_changes_nothing(desk: Desk) -> None:
    """200, and the customer reads it."""
    callback = message(desk.kit, "marked")
    assert await desk.post(b"\xef\xbb\xbf" + callback.body, callback.authorization) == (200, "OK")
    await desk.telegram.wait_for(lambda: desk.texts == ["marked"])


@pytest.mark.parametrize("path", ["/kit/callback/", "/kit/callback//", "//kit/callback"])
async def test_slashes_too_many_in_the_callback_url_change_nothing(desk: Desk, path: str) -> None:
    """As people paste addresses into Kit's form: its test and its events are answered all the same."""
    desk.kit.callback_url = f"{desk.relay.url}{path}"
    assert (await desk.kit.test_callback()).status == 200
    assert await desk.kit.agent_says(ANNA, "found") == 200
    await desk.telegram.wait_for(lambda: desk.texts == ["found"])


async def test_the_right_signature_twice_in_one_request_is_no_signature(desk: Desk) -> None:
    """Two Authorization headers leave open which one counts: 401."""
    callback = message(desk.kit, "twice")
    both = callback.authorization + f"\r\nAuthorization: {'0' * 32}"
    assert (await desk.post(callback.body, both))[0] == 401


async def test_the_channel_tests_signature_authorises_no_event(desk: Desk) -> None:
    """MD5(salt:token) travels with the test request, so it answers that one and nothing else."""
    signature = desk.kit.callbacks.sign_test()
    for method in ("GET", "HEAD", "POST"):
        assert (await desk.kit.callbacks.request(method, b"" if method == "POST" else None, signature)).status == 200
    assert (await desk.post(message(desk.kit, "forged").body, signature))[0] == 401
    without_id = json.dumps({"client_data": {"client_id": ANNA}, "event_type": "send_message", "event_data": {}})
    assert (await desk.post(without_id.encode(), signature))[0] == 401
    await desk.nothing_went_out()


async def test_an_extended_signature_is_refused(desk: Desk) -> None:
    """From one seen pair an attacker computes a valid MD5 of a longer event id; its characters give it away."""
    seen = desk.kit.sign("event-1")
    known = len(f"{desk.kit.salt}:{desk.kit.api_token}:event-1")
    glue, forged = extend(seen, known, b"x")
    raw = b"event-1" + glue
    bodies = [
        json.dumps({**_event("forged"), "event_id": raw.decode("latin-1")}).encode(),
        json.dumps({**_event("forged"), "event_id": raw.decode("latin-1")}, ensure_ascii=False).encode(),
        json.dumps({**_event("forged"), "event_id": "?"}).encode().replace(b'"?"', b'"' + raw + b'"'),
    ]
    for body in bodies:
        status, _ = await desk.post(body, forged)
        assert status in (400, 401)
    await desk.nothing_went_out()


async def test_a_stranger_gets_nothing(desk: Desk) -> None:
    """A well signed message for a client that never wrote is answered 200, counted, and reaches nobody in Telegram."""
    strangers = ["1", "-107804195", "107804195 ", "anna", "999999999999999999999", "107804195@1"]
    for client in strangers:
        assert (await desk.kit.callbacks.post(message(desk.kit, "hi", client=client))).status == 200
    assert await desk.counted("unknown_client") == len(strangers)
    await desk.nothing_went_out()
    assert {call.chat_id for call in desk.telegram.calls if call.method == "sendMessage"} == {int(ANNA)}


UNKNOWN = "⚠️ Not delivered: ❝{}❞ — nobody with this client id has written to the bot: the customer must write first"


async def test_the_agent_of_a_stranger_is_told_once(desk: Desk) -> None:
    """In that client's conversation, which the agent has open; once they write, they are like anybody else."""
    stranger = "555"
    for text in ("hello?", "are you there?"):
        assert (await desk.kit.callbacks.post(message(desk.kit, text, client=stranger))).status == 200
    assert await desk.kit.close_conversation("556") == 200
    await desk.kit.wait_for(lambda: desk.kit.messages(stranger))
    assert (await desk.relay.settled("to_kit")).unaccounted == 0
    assert desk.kit.texts(stranger) == [UNKNOWN.format("hello?")]
    assert desk.kit.texts("556") == []
    desk.telegram.customer(int(stranger)).writes("yes")
    await desk.kit.wait_for(lambda: desk.kit.texts(stranger)[-1] == "yes")
    assert await desk.kit.agent_says(stranger, "welcome") == 200
    await desk.telegram.wait_for(lambda: desk.telegram.chat(int(stranger)).texts == ["welcome"])


async def test_an_unknown_event_is_taken_and_ignored(desk: Desk) -> None:
    """200, or Kit would repeat it for ever; kept and counted as declined."""
    callback = desk.kit.callbacks.event(ANNA, "agent_is_typing", {"whatever": [1, {"a": None}]})
    assert (await desk.kit.callbacks.post(callback)).status == 200
    assert (await desk.kit.callbacks.post(callback)).status == 200
    figures = await desk.relay.figures("to_telegram")
    assert (figures.received, figures.declined) == (1, 1)
    await desk.nothing_went_out()


async def test_a_body_over_a_mebibyte_is_refused(desk: Desk) -> None:
    """413, however it is announced; one just below is read."""
    padded = {**_event("large"), "padding": "x" * 2**20}
    body = json.dumps(padded).encode()
    assert (await desk.post(body, desk.kit.sign("event-1")))[0] == 413
    async with aiohttp.ClientSession() as session:
        url, headers = f"{desk.relay.url}/kit/callback", {"Authorization": desk.kit.sign("event-1")}
        async with session.post(url, data=_in_pieces(body), headers=headers) as chunked:
            assert chunked.status == 413
    assert await desk.counted("refused") == 2
    padded["padding"] = "x" * (2**20 - 1000)
    assert (await desk.post(json.dumps(padded).encode(), desk.kit.sign("event-1")))[0] == 200


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 64 * 1024):
        yield body[start : start + 64 * 1024]


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
async def test_a_compressed_body_is_not_unpacked(desk: Desk, encoding: str) -> None:
    """415 for whatever claims a Content-Encoding: nothing that calls us compresses."""
    callback = message(desk.kit, "packed")
    status, _ = await desk.post(callback.body, callback.authorization, {"Content-Encoding": encoding})
    assert status == 415
    await desk.nothing_went_out()


async def test_a_half_sent_body_does_not_wait_for_ever(desk: Desk) -> None:
    """Who stops in the middle is answered 408 after the body's time, ten seconds; nobody waits for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.relay.port)
    try:
        head = b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nAuthorization: %s\r\nContent-Length: 1000\r\n\r\n{"
        writer.write(head % (b"0" * 32))
        await desk.nothing_went_out()
        answer = await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert await desk.counted("refused") == 1


async def test_strangers_half_sent_bodies_do_not_shut_kit_out(desk: Desk) -> None:
    """A hundred of them ask for 64 places: who has waited longest gives way. Kit needs none, and gets 200."""
    head = b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nAuthorization: %s\r\nContent-Length: 100\r\n\r\n{"
    strangers = [await asyncio.open_connection("127.0.0.1", desk.relay.port) for _ in range(100)]
    answers = [asyncio.create_task(reader.readline()) for reader, _ in strangers]

    async def refused(number: int) -> bool:
        return sum(answer.done() for answer in answers) == number

    try:
        for _, writer in strangers:
            writer.write(head % (b"0" * 32))
        await eventually(partial(refused, 36))
        assert [await desk.kit.agent_says(ANNA, str(number)) for number in range(5)] == [200] * 5
        assert await refused(36)  # what has come with its head takes no place
        assert {answer.result().split()[1] for answer in answers if answer.done()} == {b"503"}
    finally:
        for answer in answers:
            answer.cancel()
        for _, writer in strangers:
            writer.close()


async def test_a_body_without_a_signature_is_not_read(desk: Desk) -> None:
    """A stranger's megabytes are refused by the head alone: nothing of them is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.relay.port)
    try:
        writer.write(b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nContent-Length: 1000000\r\n\r\n{")
        answer = await asyncio.wait_for(reader.readline(), 5)
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")


def _event(text: str, event_id: str = "event-1") -> dict[str, Any]:
    data = {"message": {"message_id": "1", "text": text}}
    client = {"client_id": ANNA}
    return {"client_data": client, "event_id": event_id, "event_type": "send_message", "event_data": data}


GOOD = json.dumps(_event("ill"))
#: JSON that is none, about an event whose id can be found in its bytes.
MALFORMED: dict[str, bytes] = {
    "cut off": GOOD.encode()[:-3],
    "two documents": GOOD.encode() * 2,
    "a list": b"[" + GOOD.encode() + b"]",
    "deep lists within": GOOD.encode()[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "NaN": GOOD.encode()[:-1] + b', "x": NaN}',
    "infinity": GOOD.encode()[:-1] + b', "x": -Infinity}',
    "an integer of 100,000 digits": GOOD.encode()[:-1] + b', "x": ' + b"9" * 100_000 + b"}",
    "Latin-1": json.dumps(_event("é"), ensure_ascii=False).encode("latin-1"),
    "the same key twice": GOOD.encode()[:-1] + b', "event_type": "send_message"}',
}
#: What the signature cannot be for: no id can be found in it.
UNSIGNED: dict[str, bytes] = {
    "no JSON": b"event_id=event-1",
    "a number": b"5",
    "null": b"null",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "UTF-16": GOOD.encode("utf-16"),
    "UTF-32": GOOD.encode("utf-32"),
    "an event id that is a number": json.dumps(_event("ill") | {"event_id": 1}).encode(),
    "an event id with a line break": json.dumps(_event("ill") | {"event_id": "event-1\n"}).encode(),
    "an event id with a NUL": json.dumps(_event("ill") | {"event_id": "event-1\0"}).encode(),
    "an empty event id": json.dumps(_event("ill") | {"event_id": ""}).encode(),
    "an endless event id": json.dumps(_event("ill") | {"event_id": "e" * 129}).encode(),
    "the id of something else in it": json.dumps({"a": {"event_id": "event-1"}} | _event("ill", "event-2")).encode(),
}
#: JSON under a right signature, but no event that anybody could carry out.
UNFIT: dict[str, bytes] = {
    "no client": json.dumps({name: value for name, value in _event("ill").items() if name != "client_data"}).encode(),
    "a client that is a list": json.dumps(_event("ill") | {"client_data": [1]}).encode(),
    "a text that is an object": GOOD.replace('"ill"', '{"a": 1}').encode(),
    "an event type that is a list": json.dumps(_event("ill") | {"event_type": []}).encode(),
    "a text without end": GOOD.replace("ill", "i" * 200_000).encode(),
    "an event type that is missing": json.dumps({**_event("ill"), "event_type": None}).encode(),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_body_is_refused_in_words(desk: Desk, body: bytes) -> None:
    """400 even under a right signature; counted; the answer repeats nothing of the body; nothing goes out."""
    status, said = await desk.post(body, desk.kit.sign("event-1"))
    assert status == 400
    assert said
    assert "ill" not in said.split()
    assert await desk.counted("refused") == 1
    assert (await desk.relay.figures("to_telegram")).received == 0
    await desk.nothing_went_out()


@pytest.mark.parametrize("body", UNSIGNED.values(), ids=UNSIGNED.keys())
async def test_a_body_whose_id_is_not_the_signed_one_is_refused(desk: Desk, body: bytes) -> None:
    """401, before it is parsed; counted, nothing stored, nothing goes out."""
    assert await desk.post(body, desk.kit.sign("event-1")) == (401, "the signature does not match")
    assert await desk.counted("refused") == 1
    assert (await desk.relay.figures("to_telegram")).received == 0
    await desk.nothing_went_out()


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT.keys())
async def test_an_unfit_event_is_a_dead_letter(desk: Desk, body: bytes) -> None:
    """Kit said it, so it is answered 200 and kept as a dead letter with a reason; what comes next arrives."""
    for _ in range(2):
        assert await desk.post(body, desk.kit.sign("event-1")) == (200, "OK")
    figures = await desk.relay.figures("to_telegram")
    assert (figures.received, figures.dead, figures.unaccounted) == (1, 1, 0)
    assert (await desk.counted("dead"), await desk.counted("duplicate")) == (1, 1)
    await desk.nothing_went_out()


ODD_TEXTS = ["\ud83d", "\x00\x01", "a\u202eb", "\U0010ffff", "x" * 20_000, " \n ", "%s {0} $(id)"]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
async def test_odd_texts_are_delivered_or_declined_but_never_stick(desk: Desk, text: str) -> None:
    """What no UTF-8 or no Telegram message can hold is mended or declined, and what comes next arrives."""
    body = php_json(_event(text))
    assert (await desk.post(body, desk.kit.sign("event-1")))[0] == 200
    assert await desk.kit.agent_says(ANNA, "afterwards") == 200
    await desk.telegram.wait_for(lambda: "afterwards" in desk.texts)
    figures = await desk.relay.settled("to_telegram")
    assert (figures.dead, figures.unaccounted) == (0, 0)
