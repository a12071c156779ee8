"""`relay trace`: what came, when it was committed, which attempts failed, what left, in their order."""

import json
from pathlib import Path
from typing import Any

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, command, relay_between
from tests.waiting import eventually

SECRET = "my card is 4000 1234"


async def traced(relay: RelayProcess, *arguments: str) -> list[dict[str, Any]]:
    """The steps, as JSON."""
    code, said, complained = await command(relay, "trace", *arguments, "--json")
    assert code == 0, complained
    steps: list[dict[str, Any]] = json.loads(said)["steps"]
    return steps


def whats(steps: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What happened, and where it went or came from."""
    return [(step["what"], step.get("direction") or step["source"]) for step in steps]


async def test_a_message_is_followed_from_its_update_to_kit(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Kit is away at first: the update, its failed attempts with the reason, and when it left, under which ids."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await relay.ready()
        kit.faults.answer_next(500, times=2, on="event")
        written = anna.writes(SECRET)["message"]["message_id"]
        await kit.wait_for(lambda: kit.texts(anna.id))
        await relay.settled("to_kit")
        steps = await traced(relay, str(anna.id))
        assert whats(steps) == [("came", "telegram"), ("failed", "to_kit"), ("left", "to_kit")]
        came, failed, left = steps
        [event] = kit.events
        assert came["message_id"] == written
        assert came["holds"] == ["message", f"text of {len(SECRET)} characters"]
        assert (failed["times"], "HTTP 500" in failed["reason"]) == (2, True)
        assert came["at"] <= failed["at"] <= failed["until"] <= left["at"]
        assert left["attempts"] == 3
        assert (left["event_id"], left["message_ids"]) == (event.event_id, [str(written)])
        code, said, _ = await command(relay, "trace", str(anna.id))
        assert code == 0
        assert SECRET not in said
        assert said.index("update ") < said.index("HTTP 500") < said.index(event.event_id)
        _, said, _ = await command(relay, "trace", str(anna.id), "--words")
        assert SECRET in said
        assert await relay.stop() == 0
        assert await traced(relay, str(anna.id)) == steps


async def test_an_answer_is_found_by_its_event_and_by_its_number(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Without a client by the id of Kit's event; by its number in the chat; and nothing else is told then."""
    anna, bob = telegram.customer(1001), telegram.customer(1002)
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("hello")
        written = bob.writes("hello")["message"]["message_id"]
        await kit.wait_for(lambda: kit.texts(anna.id) and kit.texts(bob.id))
        assert await kit.agent_says(anna.id, "one") == 200
        assert await kit.agent_says(anna.id, "two") == 200
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 2)
        await relay.settled("to_telegram")
        event_id = kit.callbacks.made[1].event_id
        by_event = await traced(relay, "--event", event_id)
        assert whats(by_event) == [("came", "kit"), ("left", "to_telegram")]
        [number] = by_event[1]["message_ids"]
        assert await traced(relay, str(anna.id), "--message", number) == by_event
        [ours] = [event for event in kit.events if event.client_id == str(bob.id)]
        [came, left] = await traced(relay, str(bob.id), "--event", ours.event_id)
        assert (came["message_id"], left["event_id"]) == (written, ours.event_id)


async def test_what_came_to_nothing_says_why(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Declined, dead, or waiting: each with its reason; the note to the agent stands in its place in time."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("hello")
        await kit.wait_for(lambda: kit.texts(anna.id))
        anna.blocks_bot(announced=False)
        assert await kit.agent_says(anna.id, "are you there?") == 200
        await kit.wait_for(lambda: len(kit.texts(anna.id)) == 2)
        assert await kit.close_conversation(anna.id) == 200
        kit.faults.down = True
        anna.unblocks_bot()
        anna.writes("again")
        await relay.unready("kit", within=20)
        steps = await traced(relay, str(anna.id))
        assert whats(steps) == [
            ("came", "telegram"),
            ("left", "to_kit"),
            ("came", "kit"),
            ("died", "to_telegram"),
            ("left", "to_kit"),
            ("came", "kit"),
            ("declined", "kit"),
            ("came", "telegram"),
            ("declined", "telegram"),
            ("came", "telegram"),
            ("failed", "to_kit"),
            ("waits", "to_kit"),
        ]
        assert "blocked" in steps[3]["reason"]
        assert steps[6]["reason"] == "conversation closed: nothing to send"
        assert steps[11]["reason"] == steps[10]["reason"]


async def test_an_album_is_found_by_each_of_its_messages(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It leaves under the first one's number; who looks for the second finds that."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        _, second = anna.sends_album([("photo", None, None), ("photo", None, None)])
        await kit.wait_for(lambda: kit.events)
        await relay.settled("to_kit")
        steps = await traced(relay, str(anna.id), "--message", str(second["message"]["message_id"]))
        assert whats(steps) == [("came", "telegram"), ("left", "to_kit")]
        assert steps[1]["event_id"] == kit.events[0].event_id


async def test_what_nobody_knows_is_said(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """One line, what to do, no traceback; exit status 1, or 2 for a command that says too little."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        for arguments, words, status in (
            (("404",), "nobody with this id", 1),
            (("--event", "404"), "say of which client", 1),
            (("404", "--event", "404"), "nothing is known of event 404", 1),
            (("404", "--message", "5"), "nothing is known of message 5", 1),
            ((), "say which CLIENT", 2),
            (("--message", "5"), "say which CLIENT", 2),
        ):
            code, _, complained = await command(relay, "trace", *arguments)
            assert (code, words in complained) == (status, True), complained


async def test_a_line_of_the_log_names_message_and_event(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Beside the delivery: what a customer's app, Kit and Telegram call it."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        written = anna.writes("hello")["message"]["message_id"]
        await kit.wait_for(lambda: kit.texts(anna.id))
        assert await kit.agent_says(anna.id, "hi") == 200
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts)

        async def told() -> bool:
            return relay.log.count("delivery.attempted") == 2

        await eventually(told)
        lines = [json.loads(line) for line in relay.log.splitlines() if "delivery.attempted" in line]
        to_kit, to_telegram = sorted(lines, key=lambda line: str(line["direction"]))
        [event] = kit.events
        assert (to_kit["event_id"], to_kit["message_id"]) == (event.event_id, str(written))
        assert to_kit["update"].isdecimal()
        assert to_telegram["event_id"] == kit.callbacks.made[0].event_id
        assert len(to_telegram["message_ids"]) == 1
        received = next(json.loads(line) for line in relay.log.splitlines() if "update.received" in line)
        assert (received["message_id"], received["client"]) == (written, str(anna.id))
