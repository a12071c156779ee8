"""Each recorded update, and exactly what an agent gets of it."""

from typing import Any
from urllib.parse import unquote

import pytest
from telegram import Update

from relay.kit.models import ContactItem, LocationItem, MediaItem
from relay.mapping.content.kinds import KINDS
from relay.model import Accepted, Address, Declined
from relay.steps import LeaveChat, load_steps
from tests.mapping.mapped import NAMES, PTB_WARNS, event_of, mapped_sample, raw_sample

pytestmark = pytest.mark.filterwarnings(PTB_WARNS)

MAP = "https://maps.google.com/?q="

#: Content that is words alone.
TEXTS = {
    "checklist_tasks_added": "[added tasks to the checklist] ☐ Green shirt",
    "managed_bot_created": "[managed bot created] Anna’s bot",
    "passport_data": "[Telegram Passport]",
    "payment_money": "[payment] 12.90 EUR",
    "poll_option_added": "[added an option to a poll] Cocoa",
    "poll_option_deleted": "[deleted an option of a poll] Coffee",
    "proximity_alert": "[came near] Anna Keller → Olga Owner, 50 m",
    "refunded_payment": "[payment refunded] 50 ⭐",
    "suggested_post": "[suggested post] 50 ⭐\nThe fair is open until ten",
    "suggested_post_approval_failed": "[suggested post approval failed] 50 ⭐",
    "suggested_post_approved": "[suggested post approved] 50 ⭐",
    "suggested_post_declined": "[suggested post declined] Not about our town",
    "suggested_post_paid": "[suggested post paid] 1.5 TON",
    "suggested_post_refunded": "[suggested post refunded]",
    "topic_closed": "[topic closed]",
    "topic_edited": "[topic renamed] Returns and repairs",
    "topic_icon": "[topic changed]",
    "topic_reopened": "[topic reopened]",
    "auto_delete_timer": "[changed when messages delete themselves]",
    "background": "[changed the chat's background]",
    "chat_shared": "[shared a chat] News @news",
    "blocked": "🚫 The customer blocked the bot",
    "business_back": "🔌 The business connection is back: answers get through again",
    "business_deleted": "🗑 deleted ❝to the owner❞\n🗑 deleted ❝a message that cannot be read any more❞",
    "business_edited": "✏️ to the owner of the shop\n(was: to the owner)",
    "business_message": "to the owner",
    "business_own": "👤 Olga Owner wrote to the customer:\nI am looking into it",
    "business_rich_message": "[rich message] From a newer Telegram",
    "business_rights": "🔌 The business connection was withdrawn",
    "business_withdrawn": "🔌 The business connection was withdrawn",
    "callback_query": "🔘 Talk to a person 👋",
    "callback_query_game": "🔘 [game] corsairs",
    "callback_query_inaccessible": "🔘 person",
    "callback_query_topic": "🔘 Where is my parcel?",
    "checklist": "[checklist] To send back\n☑ Blue shirt\n☐ Red shirt",
    "checklist_tasks_done": "[marked tasks of the checklist] ☑ Red shirt",
    "connected_website": "[logged in to a website] shop.example.com",
    "dice": "[dice] 🎯 6",
    "direct_message": "Is the fair open on Sunday?",
    "direct_message_own": "👤 News wrote to the customer:\nYes, from ten",
    "document_too_large": "[document] backup.zip, 700.0 MB: too large to be passed on\nAll my logs",
    "edited_reply": "✏️ ❝The blue one?❞\nYes, the red one",
    "edited_rich_message": "✏️ [rich message] From a still newer Telegram",
    "edited_text": "✏️ Where is my order №6?\n(was: Where is my order №5?)",
    "ephemeral_message": "For your eyes only",
    "forward": "↪ from Courier\nYour parcel is on its way",
    "forward_chat": "↪ from Neighbours (Admin)\nWho has my parcel?",
    "forward_user": "↪ from Ben Ott\nI'm in the shop",
    "giveaway": "↪ from News (Editor) (https://t.me/news/12)\n[giveaway] A year of tea, 500 ⭐, 3 winners, News",
    "giveaway_completed": "[giveaway ended] 2 winners",
    "giveaway_winners": "[giveaway winners] A year of tea, 2 winners, Anna Keller, Ben Ott",
    "invoice": "[invoice] Tea: A year of it, 12.90 EUR",
    "invoice_stars": "[invoice] Sticker pack: Ten of them, 50 ⭐",
    "no_last_name": "hi",
    "paid_media": "[paid media] 5 ⭐, hidden until paid for: 1\nLook",
    "pinned_message": "[pinned a message] ❝Hello!❞",
    "poll": "[poll] Tea or coffee?\n\u2013 Tea\n\u2013 Coffee",
    "reaction": "👍 to ❝It is on its way❞",
    "reaction_changed": "👎 [custom emoji] ⭐ reacted to a message",
    "reaction_removed": "took back 👍 from ❝It is on its way❞",
    "reply": "❝The blue one?❞\nYes, that one",
    "reply_external_quote": "❝half price until Sunday❞ — News (https://t.me/news/13)\nIs that true?",
    "reply_long": "❝Your order has been packed by our colleagues in Leipzig and will leave the…❞\nNot mine",
    "reply_photo": "❝[photo] photo 2025-11-30 08.06 (33).jpg❞\nThat is the wrong colour",
    "reply_quote": "❝in Leipzig❞\nLeipzig is fine",
    "reply_story": "❝[story] News (https://t.me/news/s/7)❞\nWhere is that?",
    "reply_task": "❝Red shirt❞\nThis one too?",
    "rich_message": "[rich message] From a newer Telegram",
    "rich_message_blocks": "[rich message] Return form\nOrder No. 5, see here (https://example.com/5)\n"
    "1. shirt\n2. shoes\nThe torn box\nAnna",
    "sticker_no_preview": "[sticker] 😂 HotCherry",
    "story": "[story] Anna",
    "successful_payment": "[payment] 50 ⭐",
    "text": "Hello! Where is my order №5? 👋",
    "text_entities": "👋 See this page (https://example.com/?a=1) and bold\n"
    "They said:\n> first line\n> second 😀 line\nWhat now?",
    "text_formatting": "😀 Ask Ben, not that guy (Carl): sudo reboot, then\nprint(1)\nsecret 👍",
    "text_start": "▶ started the bot by the link spring-sale",
    "topic_created": "[new topic] Returns",
    "topic_text": "My parcel is torn",
    "unblocked": "✅ The customer unblocked the bot",
    "unknown_kind": "[hologram]",
    "users_shared": "[shared users] Ben Ott, @cleo",
    "web_app_data": '[data from a web app] Choose a size: {"size":"XL"}',
    "write_access_allowed": "[allowed the bot to write]",
}
#: Text, and for each file its kind for Kit, Telegram's id of it, its name and its media type.
FILES: dict[str, tuple[Any, ...]] = {
    "animation": (None, ("video", "BAACAgIAAxkBAAIBgif", "giphy.mp4", "video/mp4")),
    "audio": ("Anna Keller \u2013 Prelude in C", ("audio", "BAACAgIAAxkBAAIBaud", "prelude.mp3", "audio/mpeg")),
    "business_photo": ("Torn", ("photo", "AgACAgIAAxkBAAIBbizy", "photo 2025-11-30 10.55 (123).jpg", "image/jpeg")),
    "document": ("My invoice", ("document", "BAACAgIAAxkBAAIBdoc", "Rechnung Nº 5 (März).pdf", "application/pdf")),
    "document_heic": (
        "The torn sleeve",
        ("document", "BQACAgIAAxkBAAM2aSwtIQABheicphoto", "IMG_0312.HEIC", "image/heic"),
    ),
    "document_nasty_name": (
        None,
        ("document", "BAACAgIAAxkBAAIBdoc2", ".._.._etc_gpj.exeSet-Cookie: a=b", "application/octet-stream"),
    ),
    "edited_photo": (
        "✏️ [photo] photo 2025-11-30 10.54 (73).jpg\n(was: The wrong one)",
        ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (73).jpg", "image/jpeg"),
    ),
    "forward_photo": (
        "↪ from News (https://t.me/news/14)",
        ("photo", "AgACAgIAAxkBAAIBfwdy", "photo 2025-11-30 10.55 (116).jpg", "image/jpeg"),
    ),
    "game": (
        "[game] Corsairs: Sail and trade\nHigh score: 42",
        ("photo", "AgACAgIAAxkBAAIBgamey", "photo 2025-11-30 10.54 (85).jpg", "image/jpeg"),
    ),
    "gift": (
        "[gift] 🧸 15 ⭐\nThanks for your help",
        ("photo", "AAMCAgADGQEAAgF5", "sticker 2025-11-30 10.54 (88).webp", "image/webp"),
    ),
    "live_photo": (
        None,
        ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (47).jpg", "image/jpeg"),
        ("video", "BAACAgIAAxkBAAIBlive", "live-photo 2025-11-30 10.54 (47).mp4", "video/mp4"),
    ),
    "live_photo_only": (
        "It moves",
        ("photo", "AgACAgIAAxkBAAIBlivy", "photo 2025-11-30 10.55 (105).jpg", "image/jpeg"),
        ("video", "BAACAgIAAxkBAAIBlive2", "live-photo 2025-11-30 10.55 (105).mp4", "video/mp4"),
    ),
    "paid_media_open": (
        "[paid media] 25 ⭐, hidden until paid for: 1\nFrom the fair",
        ("photo", "AgACAgIAAxkBAAIBpayy", "photo 2025-11-30 10.55 (104).jpg", "image/jpeg"),
        ("video", "BAACAgIAAxkBAAIBpvid", "video 2025-11-30 10.55 (104-2).mp4", "video/mp4"),
    ),
    "photo": (None, ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (44).jpg", "image/jpeg")),
    "photo_album": (
        "One of three",
        ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (46).jpg", "image/jpeg"),
    ),
    "photo_caption": (
        "The box came like this, see photos (https://photos.example.com/42)",
        ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (45).jpg", "image/jpeg"),
    ),
    "quiz": (
        "[quiz] Which one is yours?\nFrom the catalogue\n\u2013 Blue\n\u2013 Red\nBlue, of course",
        ("photo", "AgACAgIAAxkBAAIBquizy", "photo 2025-11-30 10.54 (84).jpg", "image/jpeg"),
    ),
    "reply_external": (
        "❝[photo] photo 2025-11-29 07.06 (12).jpg❞ — News (https://t.me/news/12)\nIs it this one?",
        ("photo", "AgACAgIAAxkBAAIBexty", "photo 2025-11-29 07.06 (12).jpg", "image/jpeg"),
    ),
    "sticker": (
        "[sticker] 😂 HotCherry",
        ("photo", "AAMCAgADGQEAAgF5", "sticker 2025-11-30 10.54 (56).webp", "image/webp"),
    ),
    "sticker_static": (
        "[sticker] 😂 HotCherry",
        ("photo", "CAACAgIAAxkBAAIBsst", "sticker 2025-11-30 10.54 (79).webp", "image/webp"),
    ),
    "sticker_video": (
        "[sticker] 🔥 Flames_by_shop",
        ("video", "CAACAgIAAxkBAAIBsvi", "sticker 2025-11-30 10.54 (80).webm", "video/webm"),
    ),
    "gift_upgrade": (
        "[upgrade of a gift] 🧸 15 ⭐",
        ("photo", "AAMCAgADGQEAAgF5", "sticker 2025-11-30 11.12 (136).webp", "image/webp"),
    ),
    "unique_gift": (
        "[unique gift] Plush Pepe #42",
        ("photo", "AAMCAgADGQEAAgF5", "sticker 2025-11-30 10.54 (89).webp", "image/webp"),
    ),
    "video": ("It makes this noise", ("video", "BAACAgIAAxkBAAIBvid", "IMG_0042.MOV", "video/quicktime")),
    "video_note": (None, ("video", "BAACAgIAAxkBAAIBvn", "video-note 2025-11-30 10.54 (52).mp4", "video/mp4")),
    "voice": (None, ("audio", "BAACAgIAAxkBAAIBvoi", "voice 2025-11-30 10.54 (51).ogg", "audio/ogg")),
}
#: Text, the item, and what becomes known of the customer.
CARDS: dict[str, tuple[str, LocationItem | ContactItem, dict[str, Any]]] = {
    "contact": ("[contact] Ben Ott, +4915112345678", ContactItem(name="Ben Ott", number="+4915112345678"), {}),
    "contact_forwarded": (
        "↪ from Ben Ott\n[contact] Anna, 4915100000000",
        ContactItem(name="Anna", number="4915100000000"),
        {},
    ),
    "contact_own": (
        "❝May we call you?❞\n[own contact] Anna Keller, 4915199988877",
        ContactItem(name="Anna Keller", number="4915199988877"),
        {"client_phone": "+4915199988877"},
    ),
    "forward_location": (
        f"↪ from Ben Ott\n[location] -33.856784, 151.215297 {MAP}-33.856784,151.215297",
        LocationItem(latitude=-33.856784, longitude=151.215297, address="-33.856784, 151.215297"),
        {},
    ),
    "location": (
        f"[location] 55.751244, 37.618423 {MAP}55.751244,37.618423",
        LocationItem(latitude=55.751244, longitude=37.618423, address="55.751244, 37.618423"),
        {"location": {"latitude": 55.751244, "longitude": 37.618423}},
    ),
    "location_live": (
        f"[live location] 55.75, 37.61 {MAP}55.75,37.61",
        LocationItem(latitude=55.75, longitude=37.61, address="55.75, 37.61"),
        {"location": {"latitude": 55.75, "longitude": 37.61}},
    ),
    "location_live_end": (
        f"✏️ [live location ended] 55.77, 37.63 {MAP}55.77,37.63",
        LocationItem(latitude=55.77, longitude=37.63, address="55.77, 37.63"),
        {"location": {"latitude": 55.77, "longitude": 37.63}},
    ),
    "venue": (
        f"[venue] Café Puschkin, Tverskoy 26A, 55.751244, 37.618423 {MAP}55.751244,37.618423",
        LocationItem(latitude=55.751244, longitude=37.618423, address="Café Puschkin, Tverskoy 26A"),
        {},
    ),
}
#: What the bot says in groups, before it leaves them.
LEFT = {
    "channel_joined": None,
    "group_joined": "Ich antworte nur in privaten Chats. Bitte schreiben Sie mir dort.",
}
DECLINED = {
    "chat_boost": "chat_boost: a channel or group is not a customer",
    "chat_member": "chat_member: a channel or group is not a customer",
    "chosen_inline_result": "chosen_inline_result: the relay answers no inline queries",
    "edited_channel_post": "edited_channel_post: a channel or group is not a customer",
    "inline_query": "inline_query: the relay answers no inline queries",
    "managed_bot": "managed_bot: the relay manages no bots",
    "poll_closed": "poll: the relay asks no polls",
    "pre_checkout_query": "pre_checkout_query: the relay sells nothing",
    "reaction_count": "message_reaction_count: a channel or group is not a customer",
    "removed_chat_boost": "removed_chat_boost: a channel or group is not a customer",
    "shipping_query": "shipping_query: the relay sells nothing",
    "business_bot": "what the bot itself said in the account's name",
    "business_connection": "a business connection: agents can answer as before",
    "callback_query_inline": "a button under an inline message, and the bot sends none",
    "channel_joined_direct_messages": "in a channel to answer its direct messages",
    "channel_post": "channel_post: a channel or group is not a customer",
    "from_bot": "a message from a bot",
    "chat_join_request": "chat_join_request: a channel or group is not a customer",
    "group_left": "out of a group or channel",
    "group_rights": "other rights in a group or channel",
    "group_text": "not a private chat",
    "guest_message": "guest_message: the relay is no guest in other chats: it could answer once and at once, which no "
    "agent can",
    "location_live_step": "a step of a live location, not its end",
    "poll_answer": "poll_answer: the relay asks no polls",
    "purchased_paid_media": "purchased_paid_media: the relay sells nothing",
    "reaction_in_group": "not a private chat",
    "stopped_message_generation": "stopped_message_generation: the relay shows no drafts",
    "subscription": "subscription: the relay sells nothing",
    "unknown_update": "hologram_shown: an unknown kind of update",
}
#: Kinds of content that no customer's chat can hold, only a group or channel, which the bot leaves.
ELSEWHERE = {
    "boost_added",
    "channel_chat_created",
    "chat_owner_changed",
    "chat_owner_left",
    "delete_chat_photo",
    "direct_message_price_changed",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "giveaway_created",
    "group_chat_created",
    "left_chat_member",
    "migrate_from_chat_id",
    "migrate_to_chat_id",
    "new_chat_members",
    "new_chat_photo",
    "new_chat_title",
    "paid_message_price_changed",
    "supergroup_chat_created",
    "video_chat_ended",
    "video_chat_participants_invited",
    "video_chat_scheduled",
    "video_chat_started",
}
KNOWN = {"client_id", "client_display_name", "client_language"}  #: What every message tells of the customer.


def test_every_sample_has_its_expectation() -> None:
    """No recorded update goes without a test."""
    assert sorted([*TEXTS, *FILES, *CARDS, *LEFT, *DECLINED]) == NAMES


def test_every_kind_of_content_has_a_sample() -> None:
    """A kind that a newer python-telegram-bot knows has no row on the page until a sample of it is recorded."""
    messages = [part for name in NAMES for part in raw_sample(name).values() if isinstance(part, dict)]
    recorded = {field for message in messages for field in message}
    assert set(KINDS) - recorded == ELSEWHERE


def test_every_kind_of_update_has_a_sample() -> None:
    """So each has a row, with what becomes of it or the reason why nothing does."""
    assert set(Update.ALL_TYPES) <= {field for name in NAMES for field in raw_sample(name)}


@pytest.mark.parametrize("name", TEXTS)
def test_words_become_text(name: str) -> None:
    """Text reads as it looked; a kind without a reader is named, with its words."""
    outcome = mapped_sample(name)
    event = event_of(outcome)
    message = event.event_data.message
    assert (message.text, message.payload) == (TEXTS[name], None)
    assert isinstance(outcome, Accepted)
    assert outcome.media == ()
    assert event.client_data.model_fields_set <= KNOWN | ({"utm"} if name == "text_start" else set())


@pytest.mark.parametrize("name", FILES)
def test_files_become_links(name: str) -> None:
    """Each file becomes a payload item whose link ends in its name, and a capability that opens it, in their order."""
    text, *files = FILES[name]
    outcome = mapped_sample(name)
    event = event_of(outcome)
    message = event.event_data.message
    assert message.text == text
    assert isinstance(outcome, Accepted)
    assert len(message.payload or []) == len(outcome.media) == len(files)
    for index, (item, media) in enumerate(zip(message.payload or [], outcome.media, strict=True), 1):
        assert isinstance(item, MediaItem)
        head, _, tail = item.file_url.rpartition("/")
        assert (head, unquote(tail)) == (f"https://relay.example/media/{media.id}", item.file_name)
        assert media.id == f"id{index}"
        assert (item.type, media.file_id, media.name, media.mime_type) == files[index - 1]
        assert item.file_name == media.name
    assert event.client_data.model_fields_set <= KNOWN


@pytest.mark.parametrize("name", CARDS)
def test_places_and_people_become_items(name: str) -> None:
    """The words repeat what the item holds; a customer's own number and position become known with that message."""
    text, item, known = CARDS[name]
    outcome = mapped_sample(name)
    event = event_of(outcome)
    message = event.event_data.message
    assert (message.text, message.payload) == (text, [item])
    assert event.client_data.model_dump(exclude=KNOWN, exclude_none=True) == known
    assert isinstance(outcome, Accepted)
    assert outcome.media == ()


@pytest.mark.parametrize("name", LEFT)
def test_groups_and_channels_are_left(name: str) -> None:
    """A group is told in the language of who took the bot in; a channel's readers are not bothered."""
    outcome = mapped_sample(name)
    assert isinstance(outcome, Accepted)
    chat = raw_sample(name)["my_chat_member"]["chat"]
    assert (outcome.draft.direction, outcome.draft.address) == ("to_telegram", Address(chat["id"]))
    assert load_steps(outcome.draft.body) == [LeaveChat(LEFT[name])]
    assert outcome.client is None


@pytest.mark.parametrize("name", DECLINED)
def test_the_rest_is_declined_aloud(name: str) -> None:
    """What is no customer's message has a written reason that names it."""
    outcome = mapped_sample(name)
    assert isinstance(outcome, Declined)
    assert outcome.reason == DECLINED[name]
