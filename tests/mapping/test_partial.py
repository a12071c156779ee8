"""What python-telegram-bot refuses reaches agents as far as it can be read; a dead letter is only what is nobody's."""

from typing import Any

import pytest
from structlog.testing import capture_logs
from telegram import Update

from relay.intake.reading import read_update
from relay.mapping.event.events import STRANGER, KitContext
from relay.model import Accepted, Declined, Known, Media, Outcome, Unreadable
from tests.mapping.mapped import ANNA, OWNERS, TALKING, event_of, private, raw_sample

NOTE = "(not all of this message could be read)"
CONTEXT = KitContext("777", "https://relay.example", lambda: "id", owners=OWNERS)
#: As a Bot API server sends it that is older than python-telegram-bot.
OLD_POLL = {
    "id": "1",
    "question": "Tea?",
    "options": [{"text": "Yes", "voter_count": 0}, {"text": "No", "voter_count": 0}],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
}
EARLIER = {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}, "poll": OLD_POLL}
REPLY = {**EARLIER, "poll": None, "text": "Which one?"}
COMMAND = {"type": "bot_command", "offset": 0, "length": 6}
LINK = {"type": "text_link", "offset": 5, "length": 4, "url": "https://a.example"}
ORIGIN = {
    "type": "channel",
    "chat": {"id": -1, "type": "channel", "title": "News", "username": "news"},
    "message_id": 4,
}
PHOTO = [{"file_id": "AgACAgIAAxkBAAIBY2Phy", "width": 90, "height": 90}]


def understood(raw: dict[str, Any], context: KitContext = CONTEXT, known: Known = STRANGER) -> Outcome:
    """What becomes of an update that cannot be parsed."""
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever PTB's constructors raise
        Update.de_json(raw, None)
    return read_update(raw, context).decide(known)


def text_of(outcome: Outcome) -> str:
    return event_of(outcome).event_data.message.text or ""


def media_of(outcome: Outcome) -> tuple[Media, ...]:
    assert isinstance(outcome, Accepted)
    return outcome.media


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"poll": OLD_POLL}, "[poll] Tea?\n– Yes\n– No"),
        ({"text": "Yes please", "reply_to_message": EARLIER}, "❝[poll] Tea? – Yes – No❞\nYes please"),
        ({"text": "Look at this", "forward_origin": {"type": "user"}}, "↪ forwarded\nLook at this"),
        (
            {"text": "Look", "forward_origin": {"type": "user"}, "reply_to_message": REPLY},
            "↪ forwarded\n❝Which one?❞\nLook",
        ),
        ({"text": "Look", "entities": [{"type": "bold"}]}, "Look"),
        ({"text": "Look here", "entities": [{"type": "bold"}, LINK]}, "Look here (https://a.example)"),
        ({"text": "Look", "forward_origin": ORIGIN, "via_bot": 5}, "↪ from News (https://t.me/news/4)\nLook"),
        ({"text": "Look", "forward_origin": {**ORIGIN, "date": "today"}}, "↪ from News (https://t.me/news/4)\nLook"),
        ({"text": "Look", "quote": {"text": "there"}}, "❝there❞\nLook"),
        ({"photo": 5}, f"[photo]\n{NOTE}"),
        ({"photo": 5, "caption": "Torn"}, f"[photo]\n{NOTE}\nTorn"),
        ({"pinned_message": {**EARLIER, "poll": OLD_POLL}}, "[pinned a message] ❝[poll] Tea? – Yes – No❞"),
        ({"text": "/start", "poll": OLD_POLL, "entities": [COMMAND]}, "▶ started the bot"),
        ({"date": "today", "hologram": {"text": "Boo"}}, "[hologram] Boo"),
    ],
)
def test_the_customers_words_reach_the_agent(content: dict[str, Any], text: str) -> None:
    """What is refused is read from the raw update; only where nobody finds anything in it, that is said."""
    outcome = understood(private(**content), known=TALKING)
    assert event_of(outcome).event_data.message.text == text
    assert isinstance(outcome, Accepted)
    assert outcome.client is not None
    assert (outcome.client.client_id, outcome.client.profile) == ("7", {"client_display_name": "Ann"})


def test_they_come_from_where_they_were_said() -> None:
    """A Business account's customer, and a channel's, stay themselves."""
    for name in ("business_message", "direct_message"):
        raw, whole = raw_sample(name), raw_sample(name)
        [field] = raw.keys() - {"update_id"}
        raw[field]["poll"] = OLD_POLL
        part, wanted = understood(raw), read_update(whole, CONTEXT).decide(STRANGER)
        assert isinstance(part, Accepted)
        assert isinstance(wanted, Accepted)
        assert text_of(part) == f"{text_of(wanted)}\nTea?\nYes\nNo"
        assert part.client == wanted.client


def test_an_edit_is_an_edit_and_a_press_a_press() -> None:
    """Under an old message whose poll is refused."""
    message = {**private(poll=OLD_POLL)["message"]}
    edited = understood({"update_id": 5, "edited_message": message})
    assert event_of(edited).event_data.message.text == "✏️ [poll] Tea?\n– Yes\n– No"
    message["reply_markup"] = {"inline_keyboard": [[{"text": "A person, please", "callback_data": "person"}, 5]]}
    press = {"id": "1", "from": message["from"], "chat_instance": "1", "message": message, "data": "person"}
    assert text_of(understood({"update_id": 5, "callback_query": press})) == "🔘 A person, please"


def test_a_file_that_is_refused_is_carried() -> None:
    """With its words, its links and where it comes from; which fields are missing or wrong costs no more than these."""
    message = {
        "video": {"file_id": "BAACvid", "file_name": "box.mp4", "thumbnail": {"width": 5}, "duration": "long"},
        "caption": "Look here",
        "caption_entities": [{"type": "bold"}, LINK],
        "forward_origin": ORIGIN,
        "reply_to_message": {**EARLIER, "poll": OLD_POLL},
    }
    outcome = understood(private(**message))
    assert text_of(outcome) == (
        "↪ from News (https://t.me/news/4)\n❝[poll] Tea? – Yes – No❞\nLook here (https://a.example)"
    )
    assert [(media.file_id, media.name, media.mime_type) for media in media_of(outcome)] == [
        ("BAACvid", "box.mp4", "video/mp4")
    ]
    outcome = understood(private(photo=PHOTO, caption="Torn"))
    assert (text_of(outcome), [media.file_id for media in media_of(outcome)]) == ("Torn", ["AgACAgIAAxkBAAIBY2Phy"])


def test_a_reaction_is_told_by_the_emoji_that_can_be_read() -> None:
    """One that lacks its emoji costs no other."""
    raw = raw_sample("reaction_changed")
    raw["message_reaction"]["new_reaction"] = [{"type": "emoji"}, {"type": "emoji", "emoji": "👎"}]
    assert event_of(understood(raw, known=Known(ANNA))).event_data.message.text == "👎 reacted to a message"


def test_a_customer_who_blocks_the_bot_is_noticed() -> None:
    """Whatever is missing beside that; in a group the bot rather stays than guesses what it may do there."""
    raw = raw_sample("blocked")
    del raw["my_chat_member"]["new_chat_member"]["until_date"]
    assert event_of(understood(raw, known=Known(ANNA))).event_data.message.text == "🚫 The customer blocked the bot"
    raw["my_chat_member"]["chat"] = {"id": -5, "type": "group"}
    assert isinstance(understood(raw), Unreadable)


def test_the_agents_language_is_spoken() -> None:
    """In the placeholder as everywhere."""
    outcome = understood(private(photo=5), KitContext("777", "https://r.example", lambda: "id", language="de"))
    assert event_of(outcome).event_data.message.text == "[Foto]\n(nicht alles an dieser Nachricht war lesbar)"


def test_it_is_said_aloud() -> None:
    """A warning with the place, and not the words; the reading says so too, for the count."""
    with capture_logs() as lines:
        assert read_update(private(poll=OLD_POLL), CONTEXT).in_part
    [line] = lines
    assert (line["event"], line["log_level"], line["read"]) == ("letter.unreadable", "warning", "in part")
    assert "Tea" not in str(line)
    assert not read_update(private(text="whole"), CONTEXT).in_part


def test_what_is_no_customers_is_declined_all_the_same() -> None:
    """An update that the relay would not carry need not be readable."""
    assert understood({"update_id": 5, "poll": OLD_POLL}) == Declined("poll: the relay asks no polls")


@pytest.mark.parametrize(
    "raw",
    [
        {"message": 5},
        {"message": {"text": "Whose?"}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 7}, "text": "Where?"}},
        {"message": {"message_id": 1, "date": 1, "chat": {"id": 2**70, "type": "private"}, "photo": 5}},
        {"message_reaction": []},
        {"poll": 5},
        {"callback_query": {"id": "1"}},
    ],
)
def test_what_is_nobodys_is_a_dead_letter(raw: dict[str, Any]) -> None:
    """Nobody can be named, so nobody can be told; the raw letter stays."""
    with capture_logs() as lines:
        assert isinstance(understood({"update_id": 5, **raw}), Unreadable)
    assert [(line["event"], line["log_level"]) for line in lines] == [("letter.unreadable", "error")]
