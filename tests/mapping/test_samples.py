"""Each recorded update, and exactly what an agent gets of it."""

from typing import Any
from urllib.parse import unquote

import pytest

from relay.kit.models import ContactItem, LocationItem, MediaItem
from relay.model import Accepted, Declined
from tests.mapping.mapped import NAMES, PTB_WARNS, event_of, mapped, raw_sample

pytestmark = pytest.mark.filterwarnings(PTB_WARNS)

MAP = "https://maps.google.com/?q="

#: Content that is words alone.
TEXTS = {
    "auto_delete_timer": "[changed when messages delete themselves]",
    "background": "[changed the chat's background]",
    "chat_shared": "[shared a chat] News @news",
    "checklist": "[checklist] To send back\n☑ Blue shirt\n☐ Red shirt",
    "checklist_tasks_done": "[marked tasks of the checklist] ☑ Red shirt",
    "connected_website": "[logged in to a website] shop.example.com",
    "dice": "[dice] 🎯 6",
    "document_too_large": "[document] backup.zip, 700.0 MB: too large to be passed on\nAll my logs",
    "edited_reply": "✏️ ❝The blue one?❞\nYes, the red one",
    "edited_text": "✏️ Where is my order №6?",
    "forward": "↪ from Courier\nYour parcel is on its way",
    "forward_chat": "↪ from Neighbours (Admin)\nWho has my parcel?",
    "forward_user": "↪ from Ben Ott\nI'm in the shop",
    "giveaway": "↪ from News (Editor)\n[giveaway] A year of tea, 500 ⭐, 3 winners, News",
    "giveaway_completed": "[giveaway ended] 2 winners",
    "giveaway_winners": "[giveaway winners] A year of tea, 2 winners, Anna Keller, Ben Ott",
    "invoice": "[invoice] Tea: A year of it",
    "invoice_stars": "[invoice] Sticker pack: Ten of them, 50 ⭐",
    "no_last_name": "hi",
    "paid_media": "[paid media] 5 ⭐, hidden until paid for: 1\nLook",
    "pinned_message": "[pinned a message] ❝Hello!❞",
    "poll": "[poll] Tea or coffee?\n\u2013 Tea\n\u2013 Coffee",
    "reaction": "👍 reacted to a message",
    "reaction_changed": "👎 [custom emoji] ⭐ reacted to a message",
    "reaction_removed": "took back the reaction 👍 to a message",
    "reply": "❝The blue one?❞\nYes, that one",
    "reply_external": "❝[photo]❞ — News\nIs it this one?",
    "reply_external_quote": "❝half price until Sunday❞ — News\nIs that true?",
    "reply_long": "❝Your order has been packed by our colleagues in Leipzig and will leave the…❞\nNot mine",
    "reply_photo": "❝[photo]❞\nThat is the wrong colour",
    "reply_quote": "❝in Leipzig❞\nLeipzig is fine",
    "reply_story": "❝[story] News❞\nWhere is that?",
    "reply_task": "❝Red shirt❞\nThis one too?",
    "rich_message": "[rich message] From a newer Telegram",
    "rich_message_blocks": "[rich message] Return form\nOrder No. 5, see here (https://example.com/5)\n"
    "shirt\nshoes\nThe torn box Anna",
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
    "unknown_kind": "[hologram]",
    "users_shared": "[shared users] Ben Ott, @cleo",
    "web_app_data": '[data from a web app] Choose a size: {"size":"XL"}',
    "write_access_allowed": "[allowed the bot to write]",
}
#: Text, and for each file its kind for Kit, Telegram's id of it, its name and its media type.
FILES: dict[str, tuple[Any, ...]] = {
    "animation": (None, ("video", "BAACAgIAAxkBAAIBgif", "giphy.mp4", "video/mp4")),
    "audio": ("Anna Keller \u2013 Prelude in C", ("audio", "BAACAgIAAxkBAAIBaud", "prelude.mp3", "audio/mpeg")),
    "document": ("My invoice", ("document", "BAACAgIAAxkBAAIBdoc", "Rechnung Nº 5 (März).pdf", "application/pdf")),
    "document_nasty_name": (
        None,
        ("document", "BAACAgIAAxkBAAIBdoc2", "_.._etc_gpj.exeSet-Cookie: a=b", "application/octet-stream"),
    ),
    "edited_photo": ("✏️", ("photo", "AgACAgIAAxkBAAIBY2Phy", "photo 2025-11-30 10.54 (73).jpg", "image/jpeg")),
    "forward_photo": (
        "↪ from News",
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
        "❝May we call you?❞\n[contact] Anna Keller, 4915199988877",
        ContactItem(name="Anna Keller", number="4915199988877"),
        {"client_phone": "4915199988877"},
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
DECLINED = {
    "blocked": "my_chat_member: whether the bot may write shows when it writes",
    "business_message": "business_message: the relay is not connected to a Telegram Business account",
    "callback_query": "callback_query: the relay shows no buttons",
    "channel_post": "channel_post: a channel or group is not a customer",
    "from_bot": "a message from a bot",
    "group_joined": "my_chat_member: whether the bot may write shows when it writes",
    "group_text": "not a private chat",
    "location_live_step": "a step of a live location, not its end",
    "reaction_in_group": "not a private chat",
    "unknown_update": "subscription: an unknown kind of update",
}
KNOWN = {"client_id", "client_display_name", "client_language"}  #: What every message tells of the customer.


def test_every_sample_has_its_expectation() -> None:
    """No recorded update goes without a test."""
    assert sorted([*TEXTS, *FILES, *CARDS, *DECLINED]) == NAMES


@pytest.mark.parametrize("name", TEXTS)
def test_words_become_text(name: str) -> None:
    """Text reads as it looked; a kind without a reader is named, with its words."""
    outcome = mapped(raw_sample(name))
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
    outcome = mapped(raw_sample(name))
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
    outcome = mapped(raw_sample(name))
    event = event_of(outcome)
    message = event.event_data.message
    assert (message.text, message.payload) == (text, [item])
    assert event.client_data.model_dump(exclude=KNOWN, exclude_none=True) == known
    assert isinstance(outcome, Accepted)
    assert outcome.media == ()


@pytest.mark.parametrize("name", DECLINED)
def test_the_rest_is_declined_aloud(name: str) -> None:
    """What is no customer's message has a written reason that names it."""
    assert mapped(raw_sample(name)) == Declined(DECLINED[name])
