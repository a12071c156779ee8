"""What a customer's own Telegram can send: presses that nobody made, names full of controls, a stranger's account."""

import asyncio
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from relay.sandbox.telegram.business import BusinessAccount
from tests.campaigns.attacks.attacked import ANNA, FORGED, Attacked, Result, attacked
from tests.e2e.process import command

MALLORY: Final = 666_000_001
#: What must not arrive at an agent's desk, in a line of the log or in a terminal.
CONTROLS: Final = frozenset({"Cc", "Cs"})
DIRECTIONS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")

NAMES: Final = (
    "\x1b[2J\x1b]0;owned\x07",
    "a\nb\r\nlevel=error event=forged",
    '"}\n{"event":"forged"}',
    "\u202egnp.exe",
    "\u2066\u2067\u2068" * 30,
    "\0\x01\x7f\x9b31m",
    "\ud800\udfff",
    "Z\u0351\u036b\u0343" * 200,
    "\u200b\u200c\u200d\ufeff",
    "<script>alert(1)</script>",
    "{{7*7}} ${7*7} %s %n",
    "/start x",
    "😀" * 300,
    "\t\t\t",
    "\u2028\u2029",
)


async def attack_by_names(home: Path, _dice: Random) -> Result:
    """Each name as first, last and user name, file name, button, and payload of a deep link."""
    result = Result("names full of controls")
    async with attacked(home, RELAY_LOG_LEVEL="DEBUG") as desk:
        for number, name in enumerate(NAMES):
            person = desk.telegram.customer(MALLORY + number)
            person.user |= {"first_name": name, "last_name": name, "username": name[:32]}
            person.chat |= {"first_name": name, "last_name": name, "username": name[:32]}
            before = len(desk.kit.events)
            person.writes(name or "x")
            person.starts(name)
            person.sends_document(b"x", file_name=name, caption=name)
            person.sends_contact(name[:20] or "1", first_name=name)
            result.tried += 4
            await desk.kit.wait_for(lambda before=before: len(desk.kit.events) > before, 20)  # type: ignore[misc]
        await desk.relay.settled("to_kit", within=30)
        for sent in desk.kit.events:
            shown = [sent.client_data.get("client_display_name", ""), *_names(sent.payload)]
            for each in shown:
                result.expect(f"a name at the desk: {each!r}", held=not _deceives(str(each)))
        await _in_terminals(desk, result)
        await _answer_nobody_else(desk, result)
    return result


def _names(payload: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(item.get("file_name", "")) for item in payload]


def _deceives(text: str) -> bool:
    return any(unicodedata.category(each) in CONTROLS or each in DIRECTIONS for each in text)


async def _in_terminals(desk: Attacked, result: Result) -> None:
    for words in (("status",), ("dead", "list"), ("dead", "list", "--json")):
        _, said, complained = await command(desk.relay, *words)
        text = (said + complained).translate({ord("\n"): None, ord("\t"): None})
        result.tried += 1
        odd = [each for each in text if _deceives(each)]
        result.expect(f"relay {' '.join(words)} prints {odd[:5]} in {text[:200]!r}", held=not odd)
    lines = desk.relay.log.splitlines()
    result.expect("a line of the log was forged", held=not [each for each in lines if _event(each) == "forged"])


def _event(line: str) -> str:
    try:
        return str(json.loads(line).get("event"))
    except ValueError:
        return "forged"


async def _answer_nobody_else(desk: Attacked, result: Result) -> None:
    """Their own chats are theirs; only then what holds after any attack."""
    own = {MALLORY + number for number in range(len(NAMES))}
    chats = {call.chat_id for call in desk.telegram.calls} - {None}
    result.expect(f"others were written to: {chats - own - {ANNA}}", held=chats <= own | {ANNA})
    desk.telegram.calls[:] = [call for call in desk.telegram.calls if call.chat_id not in own]
    await desk.check(result)


async def attack_by_presses(home: Path, count: int, dice: Random) -> Result:
    """Presses of buttons that were never there, of others' buttons, and for stars that nobody asked for."""
    result = Result("forged presses", count)
    async with attacked(home, RELAY_ASK_RATING="true", RELAY_LOG_LEVEL="INFO") as desk:
        await desk.kit.close_conversation(str(ANNA))
        [question] = await desk.telegram.wait_for(lambda: desk.telegram.chat(ANNA).messages[-1:])
        real = question["reply_markup"]["inline_keyboard"][0][4]["callback_data"]
        mallory = desk.telegram.customer(MALLORY)
        for _ in range(count):
            mallory.presses(*_forged_press(question, real, dice))
        await desk.telegram.wait_for(lambda: desk.telegram.updates.pending_count == 0, 60)
        await desk.relay.settled("to_kit", within=60)
        counted = await desk.relay.metric("relay_ratings_total")
        result.expect(f"{counted:.0f} stars were counted that nobody gave", held=counted == 0)
        anna = desk.telegram.customer(ANNA)
        anna.presses(dict(question), real)
        await desk.relay.shows("relay_ratings_total", 1)
        own = [call for call in desk.telegram.calls if call.chat_id == MALLORY]
        desk.telegram.calls[:] = [call for call in desk.telegram.calls if call.chat_id != MALLORY]
        result.note = f"{len(own)} answers to who pressed; Anna's own press counts once"
        await desk.check(result)
    return result


def _forged_press(question: dict[str, Any], real: str, dice: Random) -> tuple[dict[str, Any], str]:
    chat = {"id": MALLORY, "type": "private", "first_name": "M"}
    message = dice.choice(
        [
            dict(question),
            question | {"chat": chat},
            question | {"message_id": dice.randrange(2**31), "chat": chat},
            {"message_id": dice.randrange(2**31), "chat": chat, "date": 0},
            question | {"chat": chat, "text": FORGED},
        ]
    )
    at = dice.randrange(len(real))
    data = dice.choice(
        [real, real[:at] + "x" + real[at + 1 :], real[:-1] + "9", real * 3, "\0", "rate:5", "-1", real[::-1]]
    )
    return message, data[:64]


async def attack_by_business(home: Path, _dice: Random) -> Result:
    """A stranger makes the bot serve a Business account of their own, and speaks through it."""
    result = Result("a stranger's Business account")
    async with attacked(home, RELAY_LOG_LEVEL="INFO") as desk:
        account = BusinessAccount(desk.telegram.world, MALLORY, "bc-mallory")
        anna, mallory = desk.telegram.customer(ANNA), desk.telegram.customer(MALLORY + 1)
        account.connects()
        account.hears(mallory, f"{FORGED} from a customer of mine")
        account.hears(anna, f"{FORGED} in Anna's name")
        account.says(anna, f"{FORGED} as the account")
        account.sees_edit(anna, 1, f"{FORGED} edit")
        account.sees_deletion(anna, [1, 2, 3])
        mallory.sends_raw({"text": FORGED, "business_connection_id": "bc-nobody's"}, "business_message")
        result.tried = 6
        await desk.telegram.wait_for(lambda: desk.telegram.updates.pending_count == 0, 20)
        await desk.relay.settled("to_kit", within=20)
        of_anna = [sent for sent in desk.kit.messages(ANNA) if FORGED in (sent.text or "")]
        result.expect("words through it stand in Anna's own conversation", held=not of_anna)
        clients = {sent.client_id for sent in desk.kit.events} - {str(ANNA)}
        result.note = f"{len(clients)} conversations of that account's, apart from all others"
        result.expect(f"clients without the account: {clients}", held=all("@" in client for client in clients))
        await asyncio.sleep(0)
        await desk.check(result)
    return result
