"""Business accounts, topics, channels' direct messages and groups, as Telegram plays them."""

from typing import Any

import aiohttp
import pytest

from relay.sandbox.telegram.business import BusinessAccount
from relay.sandbox.telegram.customers import in_topic
from relay.sandbox.telegram.places import channel, direct_messages, group
from relay.sandbox.telegram.server import TelegramLookAlike

ANNA = 107804195
BUSINESS = {"chat_id": ANNA, "business_connection_id": "bc-1"}


@pytest.fixture
def account(telegram: TelegramLookAlike) -> BusinessAccount:
    account = BusinessAccount(telegram.world)
    account.connects()
    return account


async def ask(http: aiohttp.ClientSession, telegram: TelegramLookAlike, method: str, **params: Any) -> Any:
    """The result, or the description of a refusal."""
    async with http.post(f"{telegram.url}/bot{telegram.token}/{method}", json=params) as answer:
        document = await answer.json()
    return document["result"] if document["ok"] else document["description"]


async def test_an_accounts_chat_is_another_than_the_bots(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, account: BusinessAccount
) -> None:
    """Both have the customer's id; the connection tells them apart, and without it nothing can be begun."""
    anna = telegram.customer(ANNA)
    heard = account.hears(anna, "hello")["business_message"]
    refused = await ask(http, telegram, "sendMessage", chat_id=ANNA, text="hi")
    assert refused == "Forbidden: bot can't initiate conversation with a user"
    sent = await ask(http, telegram, "sendMessage", **BUSINESS, text="hi")
    assert (sent["from"]["id"], sent["sender_business_bot"]["id"]) == (account.id, telegram.bot["id"])
    changed = await ask(http, telegram, "editMessageText", **BUSINESS, message_id=sent["message_id"], text="hello")
    assert changed["text"] == "hello"
    others = await ask(http, telegram, "editMessageText", **BUSINESS, message_id=heard["message_id"], text="hello")
    assert others == "Bad Request: message to edit not found"
    assert account.chat(anna).texts == ["hello"]
    assert telegram.chat(ANNA).texts == []
    assert (
        await ask(http, telegram, "readBusinessMessage", **BUSINESS, message_id=99) == "Bad Request: message not found"
    )
    assert await ask(http, telegram, "readBusinessMessage", **BUSINESS, message_id=heard["message_id"]) is True
    assert account.chat(anna).read_up_to == heard["message_id"]


async def test_a_connection_gives_what_its_owner_gave(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, account: BusinessAccount
) -> None:
    """Rights that are missing, connections that ended or never were, and strangers are refused in Telegram's words."""
    stranger = {**BUSINESS, "chat_id": 5}
    assert await ask(http, telegram, "sendMessage", **stranger, text="hi") == "Bad Request: BUSINESS_PEER_INVALID"
    account.hears(telegram.customer(ANNA), "hello")
    account.connects(can_read_messages=True)
    assert await ask(http, telegram, "sendMessage", **BUSINESS, text="hi") == "Forbidden: BOT_ACCESS_FORBIDDEN"
    told = account.withdraws()["business_connection"]
    assert told["is_enabled"] is False
    assert await ask(http, telegram, "getBusinessConnection", business_connection_id="bc-1") == told
    assert await ask(http, telegram, "sendMessage", **BUSINESS, text="hi") == "Bad Request: BUSINESS_CONNECTION_INVALID"
    unknown = await ask(http, telegram, "getBusinessConnection", business_connection_id="bc-2")
    assert unknown == "Bad Request: business connection not found"
    # Settings that change give the connection another id, and the chats stay.
    account.connection_id = "bc-2"
    account.connects()
    sent = await ask(http, telegram, "sendMessage", chat_id=ANNA, business_connection_id="bc-2", text="again")
    assert sent["business_connection_id"] == "bc-2"
    assert account.chat(telegram.customer(ANNA)).texts == ["again"]


async def test_a_thread_is_there_or_not(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """What is sent to a thread of a private chat lands in it; an unknown one is refused."""
    anna = telegram.customer(ANNA)
    thread = anna.opens_topic("Returns")
    anna.writes("torn", **in_topic(thread))
    sent = await ask(http, telegram, "sendMessage", chat_id=ANNA, message_thread_id=thread, text="sorry")
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (thread, True)
    refused = await ask(http, telegram, "sendMessage", chat_id=ANNA, message_thread_id=thread + 100, text="sorry")
    assert refused == "Bad Request: message thread not found"


async def test_direct_messages_are_answered_in_a_topic(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """Without the topic, or with one that nobody opened, nothing is sent."""
    news, anna = direct_messages(telegram.world), telegram.customer(ANNA)
    news.hears(anna, "hello")
    for topic in ({}, {"direct_messages_topic_id": 5}):
        refused = await ask(http, telegram, "sendMessage", chat_id=news.id, text="hi", **topic)
        assert refused == "Bad Request: direct messages topic not found"
    sent = await ask(http, telegram, "sendMessage", chat_id=news.id, text="hi", direct_messages_topic_id=ANNA)
    assert sent["direct_messages_topic"] == {"topic_id": ANNA}
    assert news.says(anna, "from the channel")["message"]["sender_chat"]["type"] == "channel"


async def test_who_left_a_group_cannot_write_there(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """Until somebody takes the bot in again; both are told to the bot."""
    neighbours, anna = group(telegram.world), telegram.customer(ANNA)
    joined = neighbours.takes_in(anna)["my_chat_member"]
    assert (joined["old_chat_member"]["status"], joined["new_chat_member"]["status"]) == ("left", "member")
    assert (await ask(http, telegram, "sendMessage", chat_id=neighbours.id, text="hi"))["text"] == "hi"
    assert await ask(http, telegram, "leaveChat", chat_id=neighbours.id) is True
    assert telegram.updates.pending[-1]["my_chat_member"]["new_chat_member"]["status"] == "left"
    refused = await ask(http, telegram, "sendMessage", chat_id=neighbours.id, text="hi")
    assert refused == "Forbidden: bot is not a member of the supergroup chat"
    neighbours.takes_in(anna)
    assert (await ask(http, telegram, "sendMessage", chat_id=neighbours.id, text="back"))["text"] == "back"
    promoted = channel(telegram.world).takes_in(anna, can_post_messages=True)["my_chat_member"]["new_chat_member"]
    assert (promoted["status"], promoted["can_post_messages"]) == ("administrator", True)
