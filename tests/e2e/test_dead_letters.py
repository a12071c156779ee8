"""`relay dead`, on a relay that runs and on one that is stopped: a person finds out what died, and has it delivered."""

import json
import re
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.databases import change
from tests.e2e.process import RelayProcess, command, relay_between
from tests.e2e.refusing import REFUSAL, refused_for_good
from tests.e2e.several import several_channels


async def listed(relay: RelayProcess, *options: str) -> list[dict[str, object]]:
    """What `relay dead list --json` says."""
    code, said, complained = await command(relay, "dead", "list", "--json", *options)
    assert (code, complained) == (0, "")
    letters = json.loads(said)["letters"]
    assert isinstance(letters, list)
    return letters


async def test_a_refused_message_is_found_and_delivered(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Listed with its reason, shown without its words, retried: Kit has it once, after what came in between."""
    anna = telegram.customer()
    await refused_for_good(telegram, kit, anna, "my secret is 4711")
    await relay.shows("relay_dead_letters", 1, direction="to_kit")
    anna.writes("in between")
    await kit.wait_for(lambda: kit.texts(anna.id)[1:] == ["in between"])
    [letter] = await listed(relay)
    assert (letter["client"], letter["direction"], letter["attempts"]) == (str(anna.id), "to_kit", 1)
    code, said, _ = await command(relay, "dead", "list")
    assert code == 0
    assert REFUSAL in said
    code, said, _ = await command(relay, "dead", "show", str(letter["id"]))
    assert "text of 17 characters" in said
    assert "4711" not in said
    code, said, _ = await command(relay, "dead", "show", "--words", str(letter["id"]))
    assert "4711" in said
    code, said, _ = await command(relay, "dead", "retry", str(letter["id"]))
    assert (code, said) == (0, "1 on the way again\n")
    await kit.wait_for(lambda: kit.texts(anna.id)[1:] == ["in between", "my secret is 4711"], 5)
    figures = await relay.settled("to_kit")
    assert (figures.dead, figures.revived, figures.delivered, figures.unaccounted) == (1, 1, 4, 0)
    assert await relay.metric("relay_dead_letters") == 0
    assert await listed(relay) == []
    assert (await command(relay, "dead", "retry", str(letter["id"])))[0] == 1
    assert "4711" not in relay.log


async def test_without_a_relay_they_wait_for_the_next_start(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """The command opens the store itself, says that nobody carries them yet, and the next start does."""
    anna = telegram.customer()
    await refused_for_good(telegram, kit, anna, "hello")
    await relay.shows("relay_dead_letters", 1, direction="to_kit")
    await relay.settled("to_kit")
    assert await relay.stop() == 0
    code, said, _ = await command(relay, "dead", "retry", "--all")
    assert (code, said) == (0, "1 wait for a relay to run\n")
    assert "hello" not in kit.texts(anna.id)
    await relay.start()
    await kit.wait_for(lambda: kit.texts(anna.id)[-1] == "hello")


async def test_an_update_that_nobody_could_read_is_mapped_by_the_code_that_can(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """A dead letter without a delivery, as a bug of an older version left it, becomes the message that it was."""
    anna = telegram.customer()
    await refused_for_good(telegram, kit, anna, "hello")
    await relay.shows("relay_dead_letters", 1, direction="to_kit")
    await relay.settled("to_kit")
    assert await relay.stop() == 0
    forget_what_it_meant(tmp_path)
    _, said, _ = await command(relay, "dead", "list")
    assert "a bug of yesterday" in said
    await relay.start()
    assert (await command(relay, "dead", "retry", "--reason", "of yesterday"))[0] == 0
    await kit.wait_for(lambda: kit.texts(anna.id)[-1] == "hello")
    await kit.agent_says(anna.id, "hello Anna")
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["hello Anna"])
    for figures in (await relay.all_figures()).values():
        assert figures.unaccounted == 0


def forget_what_it_meant(home: Path) -> None:
    """Leave the dead letter as if its update could not have been read."""
    change(
        home,
        "UPDATE outbox SET body = NULL, lane_id = NULL, reason = 'a bug of yesterday' WHERE status = 'dead'",
        "DELETE FROM client_link",
    )


async def test_a_long_answer_that_died_half_way_goes_on_there(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """The third of four messages met a customer who had blocked the bot: the retry sends the rest, nothing twice."""
    anna = telegram.customer()
    parts = [letter * 4000 for letter in "abcd"]
    anna.writes("hello")
    await kit.wait_for(lambda: kit.events)
    telegram.faults.latency = 0.3
    await kit.agent_says(anna.id, " ".join(parts))
    await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 2)
    anna.blocks_bot(announced=False)
    telegram.faults.latency = 0
    await relay.shows("relay_dead_letters", 1, direction="to_telegram")
    assert len(telegram.chat(anna.id).texts) == 2
    telegram.chat(anna.id).blocked = False
    assert (await command(relay, "dead", "retry", "--direction", "to_telegram"))[0] == 0
    await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 4)
    assert [text.strip() for text in telegram.chat(anna.id).texts] == parts


async def test_dropping_asks_first_and_means_what_was_chosen(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """No is no; nothing chosen is wrong use; a chosen customer's go and the others stay; the sums hold."""
    anna, ben = telegram.customer(), telegram.customer(42, first_name="Ben")
    for customer in (anna, ben):
        await refused_for_good(telegram, kit, customer, "hello")
    await relay.shows("relay_dead_letters", 2, direction="to_kit")
    code, _, complained = await command(relay, "dead", "drop")
    assert code == 2
    assert "say which ones" in complained
    code, said, complained = await command(relay, "dead", "drop", "--all", say="n\n")
    assert (code, said) == (1, "")
    assert "Throw 2 dead letters away for good?" in complained
    code, said, _ = await command(relay, "dead", "drop", "--client", "42", "--yes")
    assert (code, said) == (0, "1 dropped\n")
    assert [letter["client"] for letter in await listed(relay)] == [str(anna.id)]
    figures = await relay.settled("to_kit")
    assert (figures.received, figures.dead, figures.unaccounted) == (6, 2, 0)
    assert await relay.metric("relay_dropped_total", direction="to_kit") == 1
    assert await relay.metric("relay_dead_letters", direction="to_kit") == 1


async def test_many_are_retried_in_the_order_of_their_chats(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """More than one call takes: 130 dead letters of two customers, all back, each chat in its order."""
    customers = [telegram.customer(5_000_000 + number) for number in range(2)]
    for customer in customers:
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.events) == 2)
    for customer in customers:
        telegram.next_answer(400, "Bad Request: no", on="sendMessage", of=customer.id, times=65)
        kit.enqueue_callbacks(kit.callbacks.message(str(customer.id), str(number)) for number in range(65))
    await relay.shows("relay_dead_letters", 130, direction="to_telegram")
    code, said, _ = await command(relay, "dead", "retry", "--all")
    assert (code, said) == (0, "130 on the way again\n")
    await telegram.wait_for(lambda: all(len(telegram.chat(each.id).texts) == 65 for each in customers))
    figures = await relay.settled("to_telegram")
    assert (figures.dead, figures.revived, figures.delivered, figures.unaccounted) == (130, 130, 130, 0)
    for customer in customers:
        assert telegram.chat(customer.id).texts == [str(number) for number in range(65)]


async def test_channels_are_told_apart(tmp_path: Path) -> None:
    """--channel takes one's dead letters and leaves the other's; a name that there is not is refused with the names."""
    async with several_channels(tmp_path) as both:
        await both.relay.start()
        for pair in (both.support, both.sales):
            await refused_for_good(pair.telegram, pair.kit, pair.telegram.customer(42), pair.name)
            await both.relay.shows("relay_dead_letters", 1, channel=pair.name, direction="to_kit")
        code, said, _ = await command(both.relay, "dead", "list")
        assert re.findall(r"\t(support|sales)\t", said) == ["support", "sales"]
        code, _, complained = await command(both.relay, "dead", "retry", "--channel", "marketing")
        assert (code, "there are: support, sales" in complained) == (1, True)
        assert (await command(both.relay, "dead", "retry", "--channel", "sales"))[0] == 0
        await both.sales.kit.wait_for(lambda: both.sales.kit.texts(42)[-1] == "sales")
        assert [letter["channel"] for letter in await listed(both.relay)] == ["support"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("retry",), "say which ones"),
        (("retry", "--all", "7"), "leave the others out"),
        (("list", "--older-than", "soon"), "such as 15m"),
        (("show", "seven"), "not a valid integer"),
    ],
)
async def test_wrong_use_is_said(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """Exit 2, and a line that says how to say it."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        code, said, complained = await command(relay, "dead", *arguments)
    assert (code, said) == (2, "")
    assert words in complained
