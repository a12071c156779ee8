"""Fuzzed callbacks, signed and not: bytes, structure and signatures changed at random."""

import asyncio
import hashlib
import json
import random
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, Protocol

from tests.campaigns.attacks.attacked import ANNA, FORGED, Attacked, Result, attacked
from tests.campaigns.attacks.raw import Line, lines
from tests.kit.length_extension import extend

#: Answers that a callback may get. 500 would be a bug of ours.
ANSWERS: Final = frozenset({200, 400, 401, 408, 413, 415, 503})
LINES: Final = 8

Json = Any
Dice = random.Random

_ODD: Final[list[Json]] = [
    *(None, True, False, 0, -1, 2**63, -(2**70), 1e308, 1.5, "", " ", "\0", "\u202e", "\ud800", "\x1b[2J", "é" * 50),
    *("../../etc/passwd", "http://169.254.169.254/", "' OR 1=1 --", "{{7*7}}", "<script>", "%n%s", "9" * 400),
    *([], {}, [[]], [None], {"": ""}, {"id": {"id": {"id": 1}}}, ["x"] * 50, {"text": None}),
]


def event(text: str, event_id: str, client: str = str(ANNA)) -> dict[str, Json]:
    """What Kit sends for an agent's words."""
    sender = {"sender_id": 7, "sender_display_name": "Agent", "sender_type": "agent", "is_bot": False}
    item = {"type": "photo", "file_name": "a.png", "file_url": "http://127.0.0.1:9/a.png"}
    said = {"message_id": event_id, "text": text, "payload": [item]}
    return {
        "client_data": {"client_id": client},
        "event_id": event_id,
        "event_type": "send_message",
        "event_data": {"sender_data": sender, "message": said},
    }


def bent(document: Json, dice: Dice) -> Json:
    """The same with one thing of another kind, missing, moved, or there twice."""
    spots = _spots(document)
    if not spots:
        return document
    parent, key = dice.choice(spots)
    match dice.randrange(5):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[dice.choice(["", "text", "event_id ", "client_data", "\0"])] = parent.pop(key)
        case 2:
            other_parent, other = dice.choice(spots)
            parent[key] = deepcopy(other_parent[other])
        case _:
            parent[key] = deepcopy(dice.choice(_ODD))
    return document


def _spots(document: Json) -> list[tuple[Json, Json]]:
    found: list[tuple[Json, Json]] = []
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in pairs:
        found.append((document, key))
        if isinstance(value, dict | list) and value:
            found += _spots(value)
    return found


def broken(body: bytes, dice: Dice) -> bytes:
    """The same bytes, but not quite."""
    at = dice.randrange(len(body))
    match dice.randrange(6):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :]
        case 2:
            return body[:at] + body[dice.randrange(len(body)) :]
        case 3:
            return body + body
        case 4:
            return body[:at] + dice.randbytes(dice.randrange(40)) + body[at:]
        case _:
            return dice.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"[", b"\x1f\x8b", b"\0"]) + body


class _Fuzz:
    """One run: what is sent, and what of it may come out."""

    def __init__(self, desk: Attacked, dice: Dice) -> None:
        self._desk = desk
        self._dice = dice
        self.statuses: Counter[int | None] = Counter()
        self.wrong: Counter[str] = Counter()
        self.unsigned = 0  #: That were answered 200.
        self._seen = ("seen-1", desk.kit.sign("seen-1"))
        known = len(f"{desk.kit.salt}:{desk.kit.api_token}:seen-1")
        self._extended = extend(self._seen[1], known, b"x")[1].encode()

    async def send(self, line: Line, number: int) -> None:
        """One request: of an unsigned one nothing may be taken, of a signed one only what it is."""
        signed = self._dice.random() < 0.5
        status = await (self._signed(line, number) if signed else self._unsigned(line, number))
        self.statuses[status] += 1
        if status not in ANSWERS:
            self.wrong[f"answered {status}"] += 1

    async def _signed(self, line: Line, number: int) -> int | None:
        event_id = f"fuzz-{number}"
        document = event("", event_id, self._dice.choice([str(ANNA), "1", "-5", "x"]))
        for _ in range(self._dice.randrange(1, 4)):
            document = bent(document, self._dice)
        body = json.dumps(document).encode()
        if self._dice.random() < 0.3:
            body = broken(body, self._dice)
        return await self._post(line, body, self._desk.kit.sign(event_id).encode())

    async def _unsigned(self, line: Line, number: int) -> int | None:
        event_id = f"forged-{number}"
        name, authorization = self._forgery(event_id)
        document = event(f"{FORGED} {number}", event_id)
        if self._dice.random() < 0.3:
            document["event_id"] = self._seen[0]
            authorization = authorization if name != "of another event" else b"0" * 32
        body = json.dumps(document).encode()
        if self._dice.random() < 0.3:
            body = broken(body, self._dice)
        status = await self._post(line, body, authorization)
        # What holds no event at all is Kit's test of a new channel: answered 200, and that is all.
        self.unsigned += status == 200
        return status

    def _forgery(self, event_id: str) -> tuple[str, bytes | None]:
        kit, dice = self._desk.kit, self._dice
        right = kit.sign(event_id)
        forgeries: list[tuple[str, bytes | None]] = [
            ("none", None),
            ("random digest", dice.randbytes(16).hex().encode()),
            ("random bytes", dice.randbytes(dice.randrange(64)).translate(None, b"\r\n\0")),
            ("channel test's", kit.callbacks.sign_test().encode()),
            ("of another event", self._seen[1].encode()),
            ("without the salt", _md5(f"{kit.api_token}:{event_id}")),
            ("with an empty salt", _md5(f":{kit.api_token}:{event_id}")),
            ("one digit off", _off_by_one(right, dice)),
            ("cut short", right[:31].encode()),
            ("extended", self._extended),
        ]
        return dice.choice(forgeries)

    async def _post(self, line: Line, body: bytes, authorization: bytes | None) -> int | None:
        head = b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nContent-Length: %d\r\n" % len(body)
        if authorization is not None:
            head += b"Authorization: " + authorization + b"\r\n"
        return await line.ask(head + b"\r\n", body)


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().encode()


def _off_by_one(digest: str, dice: Dice) -> bytes:
    at = dice.randrange(len(digest))
    return f"{digest[:at]}{(int(digest[at], 16) + dice.randrange(1, 16)) % 16:x}{digest[at + 1 :]}".encode()


class Sender(Protocol):
    """Sends requests of one kind, and counts what they are answered."""

    statuses: Counter[int | None]
    wrong: Counter[str]  #: What must not be, and how often it was.

    async def send(self, line: Line, number: int) -> None:
        """The request of this number."""


async def send_all(fuzz: Sender, count: int, port: int, result: Result) -> None:
    """So many requests, over several connections at once; what came of them stands in the result."""
    numbers = iter(range(count))

    async def work(line: Line) -> None:
        for number in numbers:
            await fuzz.send(line, number)

    async with lines(port, LINES) as opened:
        await asyncio.gather(*map(work, opened))
    result.got_through += [f"{what} ({times} times)" for what, times in fuzz.wrong.items()]
    result.note = ", ".join(f"{status}: {times}" for status, times in sorted(fuzz.statuses.items(), key=str))


async def fuzz_callbacks(home: Path, count: int, dice: Dice) -> Result:
    """So many callbacks, half of them signed."""
    result = Result("fuzzed callbacks", count)
    async with attacked(home, RELAY_LOG_LEVEL="INFO") as desk:
        fuzz = _Fuzz(desk, dice)
        await send_all(fuzz, count, desk.relay.port, result)
        await desk.relay.settled("to_telegram", within=60)
        tests = await desk.relay.metric("relay_callbacks_total", verdict="test")
        result.expect(f"{fuzz.unsigned} unsigned were taken, {tests:.0f} as tests", held=fuzz.unsigned <= tests)
        others = [await desk.relay.metric("relay_callbacks_total", verdict=each) for each in ("refused", "unavailable")]
        events = await desk.relay.metric("relay_callbacks_total") - tests - sum(others)
        signed = fuzz.statuses[200] - fuzz.unsigned
        result.expect(f"{events:.0f} events were taken of {signed} signed ones", held=events <= signed)
        await desk.check(result)
    return result
