"""Telegram Business: the bot answers in the name of an account, in chats that are the account's."""

from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.business import BusinessAccount
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between

ANNA = 107804195


@pytest.fixture
def account(telegram: TelegramLookAlike) -> BusinessAccount:
    return BusinessAccount(telegram.world)


def texts(kit: KitLookAlike, client: str) -> list[str | None]:
    return [sent.text for sent in kit.messages(client)]


async def test_a_conversation_goes_both_ways(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, account: BusinessAccount
) -> None:
    """Words, edits and deletions come in; answers go out through the connection, and what they answer is read."""
    anna, client = telegram.customer(ANNA), f"{ANNA}@{account.id}"
    account.connects()
    heard = account.hears(anna, "Is it open?")["business_message"]["message_id"]
    account.sees_edit(anna, heard, "Is it open today?")
    await kit.wait_for(lambda: len(kit.messages(client)) == 2)
    assert texts(kit, client) == ["Is it open?", "✏️ Is it open today?\n(was: Is it open?)"]
    assert kit.messages(client)[0].client_data["client_display_name"] == "Anna"
    kit.enqueue_callbacks([kit.callbacks.message(client, "Until six")])
    await telegram.wait_for(lambda: account.chat(anna).texts)
    assert account.chat(anna).texts == ["Until six"]
    read, sent = telegram.calls[-2:]
    assert (read.method, read.params["message_id"]) == ("readBusinessMessage", heard)
    assert (sent.params["business_connection_id"], sent.params["chat_id"]) == (account.connection_id, ANNA)
    # The owner's own words are shown as such while a conversation is open, and quoted as ours.
    account.says(anna, "And tomorrow too")
    account.sees_deletion(anna, [heard, 4711])
    await kit.wait_for(lambda: len(kit.messages(client)) == 4)
    assert texts(kit, client)[2:] == [
        "👤 Olga Owner wrote to the customer:\nAnd tomorrow too",
        "🗑 deleted ❝Is it open today?❞\n🗑 deleted ❝a message that cannot be read any more❞",
    ]
    assert await kit.close_conversation(client) == 200
    declined = account.sees_deletion(anna, [heard])["update_id"]
    await telegram.wait_for(lambda: telegram.updates.pending_count == 0)
    assert f'"update": "{declined}", "verdict": "declined"' in relay.log
    figures = await relay.settled("to_kit")
    assert (len(kit.messages(client)), figures.dead, figures.unaccounted) == (4, 0, 0)


async def test_stars_are_thanked_for_in_an_accounts_chat(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, account: BusinessAccount
) -> None:
    """The question is asked in the account's name; a press counts, and thanks take its place there too."""
    anna, client = telegram.customer(ANNA), f"{ANNA}@{account.id}"
    async with relay_between(telegram, kit, tmp_path, RELAY_ASK_RATING="true") as relay:
        await relay.start()
        account.connects()
        account.hears(anna, "Is it open?")
        await kit.wait_for(lambda: kit.messages(client))
        assert await kit.close_conversation(client) == 200
        [question] = await telegram.wait_for(lambda: account.chat(anna).messages)
        anna.presses(dict(question), question["reply_markup"]["inline_keyboard"][0][4]["callback_data"])
        await telegram.wait_for(lambda: "reply_markup" not in account.chat(anna).messages[0])
        assert account.chat(anna).texts == ["⭐⭐⭐⭐⭐\nThank you for your rating!"]
        await relay.shows("relay_ratings_total", 1, stars="5")
        figures = await relay.settled("to_telegram")
        assert (figures.dead, figures.unaccounted) == (0, 0)
    assert telegram.chat(ANNA).texts == []
    assert "step.not_edited" not in relay.log


async def test_a_withdrawn_connection_is_told_once_and_answers_are_dead_letters(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, account: BusinessAccount
) -> None:
    """Only to open conversations; an answer all the same is refused by Telegram and kept; a new connection heals it."""
    anna, ben, cleo = (telegram.customer(ANNA + number) for number in range(3))
    account.connects()
    for customer in (anna, ben, cleo):
        account.hears(customer, "hello")
    clients = [f"{customer.id}@{account.id}" for customer in (anna, ben, cleo)]
    await kit.wait_for(lambda: len(kit.clients) == 3)
    kit.enqueue_callbacks([kit.callbacks.closing(clients[2])])
    await kit.callbacks_done()
    account.withdraws()
    account.withdraws()
    await kit.wait_for(lambda: all(len(kit.messages(client)) == 2 for client in clients[:2]))
    kit.enqueue_callbacks([kit.callbacks.message(clients[0], "still there?")])
    refusal = "Bad Request: BUSINESS_CONNECTION_INVALID"
    await telegram.wait_for(lambda: refusal in [refused.description for refused in telegram.refused])
    figures = await relay.settled("to_telegram")
    assert (figures.dead, figures.unaccounted) == (1, 0)
    assert [texts(kit, client)[1:2] for client in clients] == [
        ["🔌 The business connection was withdrawn"],
        ["🔌 The business connection was withdrawn"],
        [],
    ]
    # Connected anew under another id: answers go through it though the customer has not written since.
    account.connection_id = "bc-2"
    account.connects()
    await kit.wait_for(
        lambda: texts(kit, clients[1])[-1] == "🔌 The business connection is back: answers get through again"
    )
    kit.enqueue_callbacks([kit.callbacks.message(clients[1], "we are back")])
    await telegram.wait_for(lambda: account.chat(ben).texts)
    assert telegram.calls[-1].params["business_connection_id"] == "bc-2"


async def test_an_account_that_nobody_told_of_is_asked_for(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, account: BusinessAccount
) -> None:
    """A connection from before the relay's time: Telegram is asked once whose it is, and what the bot may do."""
    anna, client = telegram.customer(ANNA), f"{ANNA}@{account.id}"
    account.connects(announced=False, can_reply=True)
    account.hears(anna, "hello")
    account.hears(anna, "anybody?")
    await kit.wait_for(lambda: len(kit.messages(client)) == 2)
    kit.enqueue_callbacks([kit.callbacks.message(client, "here")])
    await telegram.wait_for(lambda: account.chat(anna).texts)
    assert [call.method for call in telegram.calls] == ["getBusinessConnection", "sendMessage"]  # no right to read
    await relay.kill()
    await relay.start()
    account.hears(anna, "still there?")
    await kit.wait_for(lambda: len(kit.messages(client)) == 3)
    assert [call.method for call in telegram.calls].count("getBusinessConnection") == 1


async def test_even_without_an_owner_nothing_is_lost(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, account: BusinessAccount
) -> None:
    """When Telegram does not say whose account it is, the connection stands in for its owner."""
    anna, client = telegram.customer(ANNA), f"{ANNA}@{account.connection_id}"
    account.connects(announced=False)
    telegram.next_answer(400, "Bad Request: business connection not found", on="getBusinessConnection")
    account.hears(anna, "hello")
    await kit.wait_for(lambda: kit.messages(client))
    kit.enqueue_callbacks([kit.callbacks.message(client, "here")])
    await telegram.wait_for(lambda: account.chat(anna).texts == ["here"])
    assert (await relay.settled("to_telegram")).dead == 0
