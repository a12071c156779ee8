"""Topics, channels' direct messages, groups, buttons, and customers who block the bot."""

from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.customers import in_topic
from relay.sandbox.telegram.places import channel, direct_messages, group
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between

ANNA = 107804195
CLIENT = str(ANNA)
FAREWELL = "I only talk in private chats. Please write to me there."


async def test_an_answer_goes_into_the_thread_that_was_written_in(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """In a private chat with threads it follows the customer; a reaction, which names no thread, changes nothing."""
    anna = telegram.customer(ANNA)
    returns, orders = anna.opens_topic("Returns"), anna.opens_topic("Orders")
    for thread in (orders, returns):
        anna.writes(f"in {thread}", **in_topic(thread))
        await kit.wait_for(lambda: kit.texts(CLIENT)[-1:] == [f"in {thread}"])  # noqa: B023 - awaited in the loop
        assert await kit.agent_says(CLIENT, f"to {thread}") == 200
        await telegram.wait_for(lambda: f"to {thread}" in telegram.chat(ANNA).texts)  # noqa: B023 - the same
    anna.reacts(telegram.chat(ANNA).messages[0]["message_id"], "👍")
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 3)  # that topics were opened woke nobody
    assert await kit.agent_says(CLIENT, "still in returns") == 200
    await telegram.wait_for(lambda: "still in returns" in telegram.chat(ANNA).texts)
    anna.deletes_topic(returns)
    url = kit.host_file(b"%PDF-1.4", "label.pdf")
    payload = [{"type": "document", "file_name": "label.pdf", "file_url": url}]
    assert await kit.agent_says(CLIENT, "the thread is gone", payload) == 200
    await telegram.wait_for(lambda: telegram.chat(ANNA).captions)
    threads = [message.get("message_thread_id") for message in telegram.chat(ANNA).messages]
    assert threads == [orders, returns, returns, None]
    figures = await relay.settled("to_telegram")
    assert (figures.delivered, figures.dead) == (4, 0)


async def test_a_channels_direct_messages_are_one_client_a_topic(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Each customer is answered in their topic, files too; what the channel says itself is told to the agent."""
    news, anna, ben = direct_messages(telegram.world), telegram.customer(ANNA), telegram.customer(ANNA + 1)
    clients = [f"{customer.id}@{news.id}" for customer in (anna, ben)]
    news.hears(anna, "from Anna")
    news.hears(ben, "from Ben")
    await kit.wait_for(lambda: all(kit.messages(client) for client in clients))
    url = kit.host_file(b"%PDF-1.4", "map.pdf")
    for client in reversed(clients):
        file = {"type": "document", "file_name": "map.pdf", "file_url": url}
        kit.enqueue_callbacks([kit.callbacks.message(client, f"to {client}", [file])])
    await telegram.wait_for(lambda: len(news.chat.messages) == 2)
    answered = {message["caption"]: message["direct_messages_topic"]["topic_id"] for message in news.chat.messages}
    assert answered == {f"to {clients[0]}": anna.id, f"to {clients[1]}": ben.id}
    news.says(anna, "See our page")
    await kit.wait_for(lambda: len(kit.messages(clients[0])) == 2)
    assert kit.messages(clients[0])[1].text == "👤 News wrote to the customer:\nSee our page"
    assert telegram.refused == []
    assert (await relay.settled("to_telegram")).delivered == 2


async def test_a_group_is_left_with_a_word(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """One line, in the language of who took the bot in, once a chat; and nothing in it reaches an agent."""
    anna = telegram.customer(ANNA, language_code="de")
    neighbours, news = group(telegram.world), channel(telegram.world)
    neighbours.takes_in(anna)
    neighbours.hears(anna, "hello all")
    await telegram.wait_for(lambda: neighbours.chat.left)
    assert neighbours.chat.texts == ["Ich antworte nur in privaten Chats. Bitte schreiben Sie mir dort."]
    neighbours.takes_in(anna)
    news.takes_in(anna, can_post_messages=True)
    await telegram.wait_for(lambda: neighbours.chat.left and news.chat.left)
    assert (len(neighbours.chat.texts), news.chat.texts) == (1, [])
    figures = await relay.settled("to_telegram")
    assert (figures.received, figures.delivered, figures.unaccounted) == (3, 3, 0)
    to_kit = await relay.settled("to_kit")
    assert (to_kit.received, to_kit.declined) == (4, 4)  # the words in the group, and that it was left, three times
    assert kit.events == []


async def test_a_group_where_nothing_may_be_said_is_left_all_the_same(
    telegram: TelegramLookAlike, relay: RelayProcess
) -> None:
    """A farewell that is refused keeps nobody; and a group that threw the bot out meanwhile is left already."""
    anna, neighbours = telegram.customer(ANNA), group(telegram.world)
    telegram.next_answer(400, "Bad Request: not enough rights to send text messages to the chat", on="sendMessage")
    neighbours.takes_in(anna)
    await telegram.wait_for(lambda: neighbours.chat.left)
    assert neighbours.chat.texts == []
    others = group(telegram.world, -1009999999999)
    telegram.next_answer(403, "Forbidden: bot was kicked from the supergroup chat", on="leaveChat")
    others.takes_in(anna)
    await telegram.wait_for(lambda: others.chat.texts == [FAREWELL])
    figures = await relay.settled("to_telegram")
    assert (figures.delivered, figures.dead) == (2, 0)


async def test_an_operator_may_let_the_bot_stay(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """With RELAY_LEAVE_GROUPS=false the bot neither speaks nor leaves."""
    async with relay_between(telegram, kit, tmp_path, RELAY_LEAVE_GROUPS="false") as relay:
        await relay.start()
        neighbours = group(telegram.world)
        neighbours.takes_in(telegram.customer(ANNA))
        await telegram.wait_for(lambda: telegram.updates.confirmed == 1)
        assert (await relay.figures("to_kit")).declined == 1
        assert telegram.calls == []


async def test_a_press_is_answered_at_once(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """While the lane of the very same customer is stuck; the label is the customer's words, and its chat theirs."""
    anna = telegram.customer(ANNA)
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(CLIENT))
    assert await kit.agent_says(CLIENT, "Shall we call you?") == 200
    await telegram.wait_for(lambda: telegram.chat(ANNA).messages)
    rows = [[{"text": "Yes, please", "callback_data": "y"}, {"text": "No", "callback_data": "n"}]]
    question = {**telegram.chat(ANNA).messages[0], "reply_markup": {"inline_keyboard": rows}}
    kit.faults.latency = 3.0
    query = anna.presses(question, "y")["callback_query"]
    await telegram.wait_for(lambda: not telegram.world.open_queries, 2.0)
    kit.faults.clear()
    assert telegram.calls[-1].params == {"callback_query_id": query["id"]}
    anna.presses({"chat": question["chat"], "message_id": question["message_id"], "date": 0}, "n")
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 3)
    assert [sent.text for sent in kit.messages(CLIENT)[1:]] == ["🔘 Yes, please", "🔘 n"]
    assert kit.messages(CLIENT)[1].client_data["client_display_name"] == "Anna"
    telegram.next_answer(400, "Bad Request: query is too old", on="answerCallbackQuery")
    anna.presses(question, "n")
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 4)
    await relay.settled("to_kit")
    assert await relay.metric("relay_presses_total", outcome="answered") == 2
    assert await relay.metric("relay_presses_total", outcome="failed") == 1
    assert "press.unanswered" in relay.log


async def test_blocking_is_told_only_while_a_conversation_is_open(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """A note wakes nobody after the end of a conversation."""
    anna, stranger = telegram.customer(ANNA), telegram.customer(5)
    stranger.blocks_bot()
    anna.writes("hello")
    anna.blocks_bot()
    anna.unblocks_bot()
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 3)
    notes = ["🚫 The customer blocked the bot", "✅ The customer unblocked the bot"]
    assert [sent.text for sent in kit.messages(CLIENT)[1:]] == notes
    assert await kit.close_conversation(CLIENT) == 200
    anna.blocks_bot()
    anna.unblocks_bot()
    anna.writes("me again")
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 4)
    figures = await relay.settled("to_kit")
    assert (figures.declined, figures.unaccounted) == (3, 0)
    assert kit.messages(CLIENT)[-1].text == "me again"


async def test_an_answer_to_who_blocked_the_bot_costs_no_call(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """It is a dead letter at once; and when the customer lets the bot write again, the next one gets through."""
    anna = telegram.customer(ANNA)
    anna.writes("hello")
    anna.blocks_bot()
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 2)
    assert await kit.agent_says(CLIENT, "anybody?") == 200
    assert (await relay.settled("to_telegram")).dead == 1
    anna.unblocks_bot()
    await kit.wait_for(lambda: len(kit.messages(CLIENT)) == 3)
    assert await kit.agent_says(CLIENT, "welcome back") == 200
    await telegram.wait_for(lambda: telegram.chat(ANNA).texts)
    assert telegram.chat(ANNA).texts == ["welcome back"]
    assert [refused for refused in telegram.refused if refused.method == "sendMessage"] == []
