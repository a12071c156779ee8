"""Floods and pests: one customer's messages are paced, a flood has an end, who is blocked is not heard."""

import json
import time
from pathlib import Path

from relay.mapping.to_kit.limits import MOST
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.business import BusinessAccount
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.e2e.process import RelayProcess, command, relay_between


async def test_who_writes_too_fast_waits_and_holds_up_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Thirty go at once, then one every two seconds, in order; another customer goes past them."""
    anna, ben = telegram.customer(), telegram.customer(8)
    async with relay_inside(telegram, kit, tmp_path, RELAY_CUSTOMER_RATE_LIMIT="30") as relay:
        began = time.monotonic()
        for number in range(33):
            anna.writes(f"{number}")
        await kit.wait_for(lambda: len(kit.texts(anna.id)) == 30)
        ben.writes("hello")
        await kit.wait_for(lambda: kit.texts(ben.id))
        assert len(kit.texts(anna.id)) < 33
        figures = await relay.settled("to_kit")
        assert time.monotonic() - began > 5.9
    assert kit.texts(anna.id) == [f"{number}" for number in range(33)]
    assert (figures.dead, figures.declined, figures.unaccounted) == (0, 0, 0)


async def test_nothing_is_dropped_until_a_thousand_wait_and_then_both_are_told_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """The flood is over when half of it has arrived: from then on everything is taken again."""
    anna = telegram.customer()
    async with relay_inside(telegram, kit, tmp_path, RELAY_CUSTOMER_RATE_LIMIT="6000") as relay:
        kit.faults.down = True
        for number in range(MOST + 5):
            anna.writes(f"{number}")
        await telegram.wait_for(lambda: telegram.updates.pending_count == 0)
        [told] = await telegram.wait_for(lambda: telegram.chat(anna.id).texts)
        assert (told or "").startswith("You are writing faster than we can read.")
        kit.faults.down = False
        await kit.wait_for(lambda: len(kit.texts(anna.id)) == MOST + 1)
        *texts, note = (text or "" for text in kit.texts(anna.id))
        assert texts == [f"{number}" for number in range(MOST)]
        assert note.startswith("⚠️ The customer writes faster than messages can be passed on: 1000 wait.")
        anna.writes("and now?")
        await kit.wait_for(lambda: kit.texts(anna.id)[-1] == "and now?")
        figures = await relay.settled("to_kit")
        assert (figures.declined, figures.dead, figures.unaccounted) == (5, 0, 0)
    assert telegram.chat(anna.id).texts == [told]


async def test_who_is_blocked_is_not_heard_until_they_are_let_in(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Said in status and in the trace; agents can still write to them; others are heard as before."""
    anna, ben = telegram.customer(), telegram.customer(8)
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    code, said, complained = await command(relay, "customer", "block", "12345")
    assert (code, "nobody with the client id 12345 has written" in complained) == (1, True), said
    assert (await command(relay, "customer", "block", str(anna.id), "--days", "1", "--until", "2030-01-01"))[0] == 2
    assert (await command(relay, "customer", "block", str(anna.id), "--until", "2020-01-01"))[0] == 2
    code, said, _ = await command(relay, "customer", "block", str(anna.id), "--days", "2")
    assert (code, said.startswith("blocked until ")) == (0, True), said
    anna.writes("buy my things")
    ben.writes("good morning")
    await kit.wait_for(lambda: kit.texts(ben.id))
    await telegram.wait_for(lambda: telegram.updates.pending_count == 0)
    assert await kit.agent_says(anna.id, "please stop") == 200
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts)
    assert "1 message of a customer who is blocked" in (await command(relay, "status"))[1]
    assert str(anna.id) in (await command(relay, "customer", "blocked"))[1]
    assert "the customer is blocked" in (await command(relay, "trace", str(anna.id)))[1]
    code, document, _ = await command(relay, "customer", "unblock", str(anna.id), "--json")
    assert (code, json.loads(document)["was_blocked"]) == (0, True)
    assert (await command(relay, "customer", "blocked"))[1] == "nobody is blocked\n"
    anna.writes("sorry")
    await kit.wait_for(lambda: len(kit.texts(anna.id)) == 2)
    assert kit.texts(anna.id) == ["hello", "sorry"]
    figures = await relay.settled("to_kit")
    assert (figures.declined, figures.dead, figures.unaccounted) == (1, 0, 0)


async def test_only_the_owners_who_are_named_are_served(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """A stranger's account feeds nobody, and its owner's settings are not remembered; the bot's own chats go on."""
    anna, ours, theirs = (
        telegram.customer(),
        BusinessAccount(telegram.world),
        BusinessAccount(telegram.world, 4711, "bc-2"),
    )
    async with relay_between(telegram, kit, tmp_path, RELAY_BUSINESS_OWNERS=f"5, {ours.id}") as relay:
        await relay.start()
        for account in (ours, theirs):
            account.connects()
            account.hears(anna, "hello")
        anna.writes("to the bot itself")
        await kit.wait_for(lambda: len(kit.clients) == 2)
        figures = await relay.settled("to_kit")
        assert (figures.declined, figures.dead, figures.unaccounted) == (3, 0, 0), "two of the stranger's, and our own"
        assert sorted(kit.clients) == sorted([str(anna.id), f"{anna.id}@{ours.id}"])
        said = (await command(relay, "status"))[1]
        assert "2 updates of Business accounts that are not in RELAY_BUSINESS_OWNERS" in said


async def test_an_owner_who_cannot_be_found_out_is_a_dead_letter_that_can_be_retried(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It may be one of those who are served: nothing of theirs is lost while Telegram does not say whose it is."""
    anna, account = telegram.customer(), BusinessAccount(telegram.world)
    account.connects(announced=False)
    telegram.next_answer(400, "Bad Request: business connection not found", on="getBusinessConnection")
    async with relay_between(telegram, kit, tmp_path, RELAY_BUSINESS_OWNERS=str(account.id)) as relay:
        await relay.start()
        account.hears(anna, "hello")
        await relay.shows("relay_dead_letters", 1, direction="to_kit")
        account.hears(anna, "still there?")
        await kit.wait_for(lambda: kit.clients)
        assert (await command(relay, "dead", "retry", "--all"))[0] == 0
        await kit.wait_for(lambda: len(kit.messages(f"{anna.id}@{account.id}")) == 2)
