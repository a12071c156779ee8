"""Fuzzed calls of Telegram's webhook, with its secret and without: bytes, structure and secrets changed at random."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any, Final

from tests.campaigns.attacks.attacked import ANNA, FORGED, Attacked, Result, attacked
from tests.campaigns.attacks.callbacks import bent, broken, send_all
from tests.campaigns.attacks.raw import Line

SECRET: Final = "a-webhook-secret-of-32-characters-and-more"
#: Answers that a call may get. 500 would be a bug of ours.
ANSWERS: Final = frozenset({200, 400, 401, 408, 413, 503})
#: What is no HTTP, as a control character in a header, is refused before anybody looks at its secret.
REFUSALS: Final = frozenset({400, 401})
#: Far from what the look-alike itself numbers.
_FIRST_UPDATE: Final = 900_000_000
#: Calls a second: what is taken of so many leaves meanwhile, in one chat's order, on a busy machine.
_LEAVE: Final = 100


def update(number: int, text: str) -> dict[str, Any]:
    """What Telegram sends for a customer's words."""
    person = {"id": ANNA, "is_bot": False, "first_name": "Anna", "language_code": "en"}
    chat = {"id": ANNA, "first_name": "Anna", "type": "private"}
    sizes = [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9, "file_size": 9}]
    message = {"message_id": number, "date": 1_764_500_000, "chat": chat, "from": person}
    content = {"text": text} if number % 2 else {"photo": sizes, "caption": text}
    return {"update_id": _FIRST_UPDATE + number, "message": {**message, **content}}


class _Fuzz:
    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.statuses: Counter[int | None] = Counter()
        self.wrong: Counter[str] = Counter()

    async def send(self, line: Line, number: int) -> None:
        """One call: without the secret nothing may be taken, with it whatever can be told from others."""
        proven = self._dice.random() < 0.5
        document = update(number, "" if proven else f"{FORGED} {number}")
        for _ in range(self._dice.randrange(1, 4) if proven else 0):
            document = bent(document, self._dice)
        body = json.dumps(document).encode()
        if self._dice.random() < 0.3:
            body = broken(body, self._dice)
        status = await self._post(line, body, SECRET.encode() if proven else self._forgery())
        self.statuses[status] += 1
        if status not in ANSWERS:
            self.wrong[f"answered {status}"] += 1
        if not proven and status not in REFUSALS:
            self.wrong[f"without the secret answered {status}"] += 1

    def _forgery(self) -> bytes | None:
        at = self._dice.randrange(len(SECRET))
        forgeries = [
            None,
            b"",
            SECRET[:at].encode(),
            f"{SECRET}x".encode(),
            f"{SECRET[:at]}~{SECRET[at + 1 :]}".encode(),
            SECRET.upper().encode(),
            self._dice.randbytes(self._dice.randrange(64)).translate(None, b"\r\n\0"),
        ]
        return self._dice.choice(forgeries)

    async def _post(self, line: Line, body: bytes, secret: bytes | None) -> int | None:
        head = b"POST /telegram/webhook HTTP/1.1\r\nHost: relay\r\nContent-Length: %d\r\n" % len(body)
        if secret is not None:
            head += b"X-Telegram-Bot-Api-Secret-Token: " + secret + b"\r\n"
        return await line.ask(head + b"\r\n", body)


async def fuzz_webhooks(home: Path, count: int, dice: random.Random) -> Result:
    """So many calls, half of them with the secret."""
    result = Result("fuzzed webhook calls", count)
    settings = {"TELEGRAM_MODE": "webhook", "TELEGRAM_WEBHOOK_SECRET": SECRET, "RELAY_LOG_LEVEL": "INFO"}
    async with attacked(home, **settings) as desk:
        fuzz = _Fuzz(dice)
        await send_all(fuzz, count, desk.relay.port, result)
        await desk.relay.settled("to_kit", within=60 + count / _LEAVE)
        result.expect("forged words reached Kit", held=not _reached(desk))
        await desk.check(result)
    return result


def _reached(desk: Attacked) -> bool:
    return any(FORGED in json.dumps(event.body) for event in desk.kit.events)
