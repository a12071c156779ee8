"""What real Telegram sends and what people really do: each kind once, as an agent reads it."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from relay.intake.reading import read_update
from relay.kit.models import MediaItem
from relay.mapping.event.events import KitContext
from relay.model import Accepted, Declined, Known, Outcome, Said
from tests.mapping.mapped import ANNA, IN_ACCOUNT, OWNERS, PTB_WARNS, TALKING, event_of, private, raw_sample

CONTEXT = KitContext("777", "https://relay.example", lambda: "id", owners=OWNERS, forms={"audio/ogg": "audio/mp4"})
CLOSED = Known(replace(TALKING.client or ANNA, open=False))
NEWS = {"id": -1009, "title": "News", "username": "news", "type": "channel"}
BEN = {"id": 9, "is_bot": False, "first_name": "Ben", "last_name": "Ott"}
SIZES = [{"file_id": f"f{side}", "file_unique_id": f"u{side}", "width": side, "height": side} for side in (90, 800)]


def outcome_of(raw: dict[str, Any], known: Known = TALKING) -> Outcome:
    """What becomes of an update on the whole way from its JSON."""
    return read_update(deepcopy(raw), CONTEXT).decide(known)


def told(known: Known = TALKING, **content: Any) -> str | None:
    return event_of(outcome_of(private(**content), known)).event_data.message.text


def carried(known: Known = TALKING, **content: Any) -> tuple[str | None, list[tuple[str, str]]]:
    """The text, and kind and name of each file."""
    message = event_of(outcome_of(private(**content), known)).event_data.message
    items = [item for item in message.payload or [] if isinstance(item, MediaItem)]
    return message.text, [(item.type, str(item.file_name)) for item in items]


def origin(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "date": 1, **fields}


#: As the official server sends a forward today: everything twice.
TWICE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (origin("user", sender_user=BEN), {"forward_from": BEN}, "↪ from Ben Ott"),
    (origin("hidden_user", sender_user_name="Carl"), {"forward_sender_name": "Carl"}, "↪ from Carl"),
    (
        origin("chat", sender_chat={**NEWS, "type": "supergroup"}, author_signature="Ed"),
        {"forward_from_chat": {**NEWS, "type": "supergroup"}, "forward_signature": "Ed"},
        "↪ from News (Ed)",
    ),
    (
        origin("channel", chat=NEWS, message_id=12, author_signature="Ed"),
        {"forward_from_chat": NEWS, "forward_from_message_id": 12, "forward_signature": "Ed"},
        "↪ from News (Ed) (https://t.me/news/12)",
    ),
    (origin("hidden_user", sender_user_name=""), {}, "↪ forwarded"),
]
CONTENTS: list[tuple[dict[str, Any], str, list[tuple[str, str]]]] = [
    ({"text": "Look"}, "Look", []),
    ({"photo": SIZES, "caption": "Look"}, "Look", [("photo", "photo 1970-01-01 00.00 (3).jpg")]),
    ({"rich_message": {"blocks": [{"type": "paragraph", "text": "Look"}]}}, "[rich message] Look", []),
    ({"hologram": {"text": "Look"}}, "[hologram] Look", []),
]


@pytest.mark.parametrize(("now", "old", "line"), TWICE)
@pytest.mark.parametrize(("content", "text", "files"), CONTENTS)
def test_a_forward_names_its_source_once(
    now: dict[str, Any], old: dict[str, Any], line: str, content: dict[str, Any], text: str, files: list[Any]
) -> None:
    """Whether a server says it in the old words too, in these alone or in the new ones alone; also within replies."""
    old = {**old, "forward_date": 1}
    for said in ({"forward_origin": now, **old}, {"forward_origin": now}, old):
        assert carried(**content, **said) == (f"{line}\n{text}", files)
    earlier = {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}, "forward_origin": now, **old}
    assert told(text="Yes", reply_to_message={**earlier, "text": "Look"}) == "❝Look❞\nYes"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"user_shared": {"user_id": 5, "request_id": 1}, "users_shared": {"request_id": 1, "users": [BEN_ID]}}, None)
        for BEN_ID in ({"user_id": 9, "first_name": "Ben"},)
    ]
    + [
        ({"user_shared": {"user_id": 5, "request_id": 1}}, "[shared users]"),
        ({"new_chat_participant": BEN, "new_chat_member": BEN, "new_chat_members": [BEN]}, "[joined the chat] Ben Ott"),
        ({"new_chat_participant": BEN}, "[joined the chat] Ben Ott"),
        ({"left_chat_participant": BEN, "left_chat_member": BEN}, "[left the chat] Ben Ott"),
        ({"voice_chat_started": {}, "video_chat_started": {}, "text": "hi"}, "hi"),
    ],
)
def test_old_names_say_nothing_of_their_own(content: dict[str, Any], text: str | None) -> None:
    """They are what their successors are, or stand in for them."""
    assert told(**content) == (text or "[shared users] Ben")


def test_a_thumbnail_under_its_old_name_is_one() -> None:
    """`thumb` stands beside `thumbnail`."""
    still = {"file_id": "t", "file_unique_id": "t", "width": 9, "height": 9}
    video = {"file_id": "v", "file_unique_id": "v", "width": 9, "height": 9, "duration": 1}
    assert carried(video={**video, "thumbnail": still, "thumb": still}) == (
        None,
        [("video", "video 1970-01-01 00.00 (3).mp4")],
    )


def test_a_rich_message_brings_its_files() -> None:
    """In their order, each under a number of its own, beside the words; what stands in two places comes once."""
    video = {"file_id": "v", "file_unique_id": "v", "width": 9, "height": 9, "duration": 1, "file_name": "box.mp4"}
    blocks = [
        {"type": "paragraph", "text": "See"},
        {"type": "photo", "photo": SIZES, "caption": {"text": "Torn", "credit": "Anna"}},
        {"type": "video", "video": video},
        {"type": "voice_note", "voice_note": {"file_id": "o", "file_unique_id": "o", "duration": 1}},
        {"type": "collage", "blocks": [{"type": "photo", "photo": SIZES}]},
    ]
    assert carried(rich_message={"blocks": blocks}, text="See") == (
        "See\nTorn\nAnna",
        [
            ("photo", "photo 1970-01-01 00.00 (3).jpg"),
            ("video", "box.mp4"),
            ("audio", "voice 1970-01-01 00.00 (3-3).m4a"),
        ],
    )


def test_both_texts_are_there_once() -> None:
    """A text beside a rich message that says the same, or something else."""
    blocks = [{"type": "heading", "text": "Return form"}, {"type": "paragraph", "text": "Order No. 5"}]
    assert told(text="Return form\nOrder No. 5", rich_message={"blocks": blocks}) == "Return form\nOrder No. 5"
    assert told(text="Hello", rich_message={"blocks": blocks}) == "Hello\nReturn form\nOrder No. 5"


def test_what_is_new_beside_what_is_known_is_there() -> None:
    """The words of a gift; a link, a place and pictures in a poll; and whatever stands in an unknown field."""
    gift = raw_sample("unique_gift")["message"]["unique_gift"]
    assert told(unique_gift={**gift, "text": "For you", "is_private": True}) == "[unique gift] Plush Pepe #42\nFor you"
    assert told(text="Hi", hologram={"caption": "Boo", "kind": "program"}) == "Hi\nBoo"
    assert told(text="Hi", receiver_user=BEN, ephemeral_message_id=5, sender_badge={"id": 5, "is_bot": True}) == "Hi"
    spot = {"latitude": 55.75, "longitude": 37.61}
    options = [
        {"persistent_id": "1", "text": "Tea", "voter_count": 0, "media": {"photo": SIZES}},
        {"persistent_id": "2", "text": "Bar", "voter_count": 0, "media": {"venue": {
            "location": spot, "title": "Café", "address": "Main St",
        }}},
        {"persistent_id": "3", "text": "Site", "voter_count": 0, "media": {"link": {"url": "https://a.example"}}},
    ]  # fmt: skip
    poll = raw_sample("poll")["message"]["poll"]
    text, files = carried(poll={**poll, "options": options, "media": {"location": spot}})
    assert text == (
        "[poll] Tea or coffee?\n55.75, 37.61 https://maps.google.com/?q=55.75,37.61\n– Tea\n"
        "– Bar, Café, Main St, 55.75, 37.61 https://maps.google.com/?q=55.75,37.61\n– Site, https://a.example"
    )
    assert files == [("photo", "photo 1970-01-01 00.00 (3).jpg")]


def test_files_in_unlikely_places_are_carried() -> None:
    """The film of a game, the picture of a person who was shared; not the wallpaper of a chat."""
    animation = {"file_id": "a", "file_unique_id": "a", "width": 9, "height": 9, "duration": 1}
    game = {"title": "Chess", "description": "by mail", "photo": SIZES, "animation": animation}
    assert [kind for kind, _ in carried(game=game)[1]] == ["photo", "video"]
    shared = {"request_id": 1, "users": [{"user_id": 9, "first_name": "Ben", "photo": SIZES}]}
    assert carried(users_shared=shared) == (
        "[shared users] Ben",
        [("photo", "photo 1970-01-01 00.00 (3).jpg")],
    )
    assert event_of(outcome_of(raw_sample("background"), Known(ANNA))).event_data.message.payload is None


@pytest.mark.filterwarnings(PTB_WARNS)
@pytest.mark.parametrize(
    "name",
    [
        *("reaction", "reaction_removed", "background", "auto_delete_timer", "pinned_message", "topic_icon"),
        *("topic_edited", "topic_closed", "topic_reopened", "topic_created", "location_live_end"),
        *("write_access_allowed", "connected_website", "proximity_alert"),
    ],
)
def test_what_nobody_says_begins_no_conversation(name: str) -> None:
    """A heart on the goodbye, wallpaper, a pin: nothing of it reaches Kit while no conversation is open."""
    known = [Known(), Known(replace(ANNA, open=False)), Known(ANNA)]
    outcomes = [outcome_of(raw_sample(name), each) for each in known]
    assert [type(outcome) for outcome in outcomes] == [Declined, Declined, Accepted]
    assert "no conversation is open" in str(outcomes[0])


@pytest.mark.parametrize("name", ["text", "edited_text", "callback_query", "sticker", "checklist", "location_live"])
def test_what_a_customer_says_begins_one(name: str) -> None:
    """Words are words, also those of an edit."""
    assert isinstance(outcome_of(raw_sample(name), Known(replace(ANNA, open=False))), Accepted)


def test_a_quote_names_which_file() -> None:
    """As the agent has seen it: a customer's by its number, as it was converted; an agent's by the agent's name."""
    chat = {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}}
    photo, voice = {**chat, "photo": SIZES}, {**chat, "voice": {"file_id": "v", "file_unique_id": "v", "duration": 1}}
    assert told(text="This", reply_to_message=photo) == "❝[photo] photo 1970-01-01 00.00 (2).jpg❞\nThis"
    assert told(text="This", reply_to_message=voice) == "❝[voice message] voice 1970-01-01 00.00 (2).m4a❞\nThis"
    assert told(text="This", reply_to_message={**photo, "caption": "Torn"}) == "❝Torn❞\nThis"
    known = Known(TALKING.client, {2: Said(2, "agent", "[photo] front.jpg")})
    assert read_update(private(text="This", reply_to_message=photo), CONTEXT).wants.messages == (2,)
    assert told(known, text="This", reply_to_message=photo) == "❝[photo] front.jpg❞\nThis"


def test_a_post_of_a_public_channel_is_shown_and_linked() -> None:
    """Answered in another chat, or forwarded: the agent sees the picture, and where it stands."""
    external = {"origin": origin("channel", chat=NEWS, message_id=12), "chat": NEWS, "message_id": 12, "photo": SIZES}
    text, files = carried(text="Is it this one?", external_reply=external)
    line = "❝[photo] photo 1970-01-01 00.00 (12).jpg❞ — News (https://t.me/news/12)"
    assert (text, files) == (f"{line}\nIs it this one?", [("photo", "photo 1970-01-01 00.00 (12).jpg")])
    quote = {"text": "half price", "position": 0, "is_manual": True}
    assert carried(text="True?", external_reply=external, quote=quote) == (
        "❝half price❞ — News (https://t.me/news/12)\nTrue?",
        [("photo", "photo 1970-01-01 00.00 (12).jpg")],
    )
    private_chat = {name: value for name, value in NEWS.items() if name != "username"}
    hidden = {**external, "origin": origin("channel", chat=private_chat, message_id=12), "chat": private_chat}
    assert "t.me" not in str(told(text="hi", external_reply=hidden))
    contact = {"origin": origin("user", sender_user=BEN), "contact": {"phone_number": "+49", "first_name": "Cleo"}}
    assert told(text="hi", external_reply=contact) == "❝[contact] Cleo, +49❞ — Ben Ott\nhi"


CARD = (
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Ott;Ben;;;\r\nFN:Ben Ott\r\nORG:Tea House\\, Ltd;Sales\r\nTITLE:Buyer\r\n"
    "item1.TEL;type=CELL:+49 151 1234-5678\r\nTEL;TYPE=work,voice:+4930555\r\nEMAIL;type=HOME:ben@tea.example\r\n"
    "ADR;TYPE=work:;;Main St 5;Berlin;;10115;Germany\r\nNOTE:Call\\nafter\r\n  noon\r\n"
    "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4\r\n"
    "END:VCARD\r\n"
)
OLD_CARD = (
    "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=D0=9E;=D0=91=D0=B5=\n=D0=BD\nTEL;CELL:+4930\n"
    "END:VCARD"
)


def test_all_of_a_business_card_is_there() -> None:
    """The second number, e-mail, company; in words, and nobody vouches for any of it."""
    contact = {"phone_number": "+4915112345678", "first_name": "Ben", "last_name": "Ott", "vcard": CARD}
    assert told(contact=contact) == (
        "[contact] Ben Ott, +4915112345678\nTea House, Ltd, Sales\nBuyer\n+4930555 (work)\nben@tea.example (home)\n"
        "Main St 5, Berlin, 10115, Germany (work)\nCall after noon"
    )
    assert told(contact={"phone_number": "+49", "first_name": "B", "vcard": OLD_CARD}) == (
        "[contact] B, +49\nБен О\n+4930 (cell)"
    )
    assert told(contact={"phone_number": "+49", "first_name": "B", "vcard": "no card"}) == "[contact] B, +49"
    own = event_of(outcome_of(private(contact={**contact, "user_id": 7})))
    assert (own.event_data.message.text or "").startswith("[own contact] Ben Ott, +4915112345678\n")
    assert own.client_data.model_dump(exclude_none=True) == {
        "client_id": "7",
        "client_display_name": "Ann",
        "client_phone": "+4915112345678",
    }


@pytest.mark.parametrize(
    ("number", "shown"),
    [("4915199988877", "+4915199988877"), ("+49 (151) 999-88", "+4915199988"), ("n/a", "n/a"), ("12", "12")],
)
def test_a_shared_number_has_one_form(number: str, shown: str) -> None:
    """A plus and digits, however Telegram writes it."""
    event = event_of(outcome_of(private(contact={"phone_number": number, "first_name": "Ann", "user_id": 7})))
    assert event.client_data.client_phone == shown


@pytest.mark.parametrize(
    ("code", "language"),
    [("pt-br", "pt-br"), ("zh-hans", "zh-hans"), ("classic-zh-cn", None), ("", None), ("en; x", None), (5, None)],
)
def test_a_language_is_a_language(code: object, language: str | None) -> None:
    """What is none is not told."""
    raw = private(text="hi")
    raw["message"]["from"]["language_code"] = code
    assert event_of(outcome_of(raw)).client_data.client_language == language


def test_names_of_all_people_are_clean() -> None:
    """Also of those who are forwarded, and of chats."""
    nobody = {"id": 9, "is_bot": False, "first_name": ""}
    assert told(text="hi", forward_origin=origin("user", sender_user=nobody)) == "↪ from deleted account\nhi"
    chat = {"id": -5, "type": "channel", "title": "\u202eevil\nnews"}
    assert told(text="hi", forward_origin=origin("channel", chat=chat, message_id=1)) == "↪ from evil news\nhi"


def test_what_an_account_sends_by_itself_is_no_persons() -> None:
    """A greeting, an answer for the time of absence; and a chat of the owner with himself is no customer's."""
    raw = raw_sample("business_own")
    raw["business_message"]["is_from_offline"] = True
    text = event_of(outcome_of(raw, Known(IN_ACCOUNT))).event_data.message.text or ""
    assert text.startswith("🤖 Sent to the customer automatically by ")
    owner = OWNERS["bc1"]
    for part in ("chat", "from"):
        raw["business_message"][part]["id"] = owner
    assert outcome_of(raw, Known()) == Declined("the account's chat with itself")


def test_a_button_that_is_not_under_the_message_is_unknown() -> None:
    """Said so, with what was sent; one that stands in the text of a rich message is known."""
    raw = raw_sample("callback_query")
    raw["callback_query"]["data"] = "forged"
    text = event_of(outcome_of(raw)).event_data.message.text
    assert text == "🔘 a button that is not under the message: forged"
    button = {
        "type": "button",
        "button": {"text": ["Track ", {"type": "bold", "text": "it"}], "callback_data": "forged"},
    }
    raw["callback_query"]["message"]["rich_message"] = {"blocks": [{"type": "paragraph", "text": ["Here: ", button]}]}
    assert event_of(outcome_of(raw)).event_data.message.text == "🔘 Track it"


@pytest.mark.parametrize("text", ["\u3164", "\u2800\u2800", "\u200b", " \n\u00a0"])
def test_words_that_cannot_be_seen_are_said_to_be_some(text: str) -> None:
    """People send them for fun; an agent would look at an empty bubble."""
    assert event_of(outcome_of(private(text=text))).event_data.message.text == "[text]"


LONG = "It was a dark and stormy night. " * 30


def test_of_a_long_text_only_what_changed_is_shown() -> None:
    """With a few words around it, by which to find it; of short ones all."""
    old, new = f"{LONG}The box is red. {LONG}", f"{LONG}The box is blue. {LONG}"
    raw = {"update_id": 5, "edited_message": private(text=new, edit_date=2)["message"]}
    known = Known(TALKING.client, {3: Said(3, "customer", old)})
    assert event_of(outcome_of(raw, known)).event_data.message.text == (
        "✏️ …stormy night. The box is blue. It was a dark and…\n(was: …stormy night. The box is red. It was a dark and…)"
    )
    raw["edited_message"]["text"] = old + "!"
    text = event_of(outcome_of(raw, known)).event_data.message.text or ""
    assert (len(text) < 200, "night. !" in text) == (True, True)


@pytest.mark.parametrize(
    ("sentence", "was", "now", "shown"),
    [
        (
            "我昨天在你们的网上商店订购了一双鞋。",
            "蓝色的。",
            "红色的。",
            "…上商店订购了一双鞋。红色的。我昨天在你们的…",
        ),
        ("ฉันสั่งรองเท้าเมื่อวานนี้", "สีฟ้า", "สีแดง", "(was: …"),
    ],
)
def test_a_language_without_spaces_has_its_changed_places_too(sentence: str, was: str, now: str, shown: str) -> None:
    """A page of it is one word, and nobody reads it twice to find a sign."""
    old, new = sentence * 20 + was + sentence * 20, sentence * 20 + now + sentence * 20
    raw = {"update_id": 5, "edited_message": private(text=new, edit_date=2)["message"]}
    known = Known(TALKING.client, {3: Said(3, "customer", old)})
    text = event_of(outcome_of(raw, known)).event_data.message.text or ""
    assert len(text) < 100
    assert shown in text


def test_an_edit_brings_what_it_answers_elsewhere_unless_that_was_carried() -> None:
    """The picture of another chat's post that the first form of the message answered."""
    external = {"origin": {"type": "hidden_user", "sender_user_name": "Carl", "date": 1}, "photo": SIZES}
    message = private(text="Is it this?", edit_date=2, external_reply=external)["message"]
    raw = {"update_id": 5, "edited_message": message}
    assert len(event_of(outcome_of(raw)).event_data.message.payload or []) == 1
    remembered = Known(TALKING.client, {3: Said(3, "customer", "Is it that?")})
    assert event_of(outcome_of(raw, remembered)).event_data.message.payload is None


@pytest.mark.parametrize("field", ["business_message", "edited_business_message"])
def test_what_telegram_tells_an_account_is_no_agents_business(field: str) -> None:
    """Log-in codes, above all: they open the account to whoever reads them."""
    telegram = {"id": 777000, "first_name": "Telegram"}
    message = {**raw_sample("business_message")["business_message"], "text": "Login code: 12345"}
    message |= {"chat": {**telegram, "type": "private"}, "from": {**telegram, "is_bot": False}, "edit_date": 1764500099}
    outcome = outcome_of({"update_id": 5, field: message})
    assert isinstance(outcome, Declined)
    assert "12345" not in outcome.reason


@pytest.mark.parametrize(
    "content",
    [
        {"refunded_payment": {"currency": "XTR", "total_amount": 5, "invoice_payload": "x"}},
        {"suggested_post_approved": {"send_date": 5}},
        {"suggested_post_declined": {"comment": "no"}},
        {"checklist_tasks_done": {"marked_as_done_task_ids": [1]}},
        {"video_chat_started": {}, "voice_chat_started": {}},
        {"giveaway_completed": {"winner_count": 1}},
    ],
    ids=lambda content: next(iter(content)),
)
def test_what_only_happens_begins_no_conversation(content: dict[str, Any]) -> None:
    """A tick, a refund, a suggested post's fate: nobody has said anything; in an open conversation it is told."""
    assert isinstance(outcome_of(private(**content), CLOSED), Declined)
    assert told(**content)


@pytest.mark.parametrize("entities", [7, [5], [{"type": "bold"}], [{"type": "text_link", "offset": "x", "length": 4}]])
def test_words_survive_whatever_stands_beside_them(entities: Any) -> None:
    """Formatting that nobody can read costs no word, neither of a text nor of a caption nor of what is answered."""
    earlier = {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}, "text": "Old", "entities": entities}
    assert told(text="New", entities=entities, reply_to_message=earlier) == "❝Old❞\nNew"
    assert told(photo=SIZES, caption="Torn", caption_entities=entities) == "Torn"


@pytest.mark.parametrize("number", ["0049 151 234567", "+49151234567", "49 (151) 234-567"])
def test_a_number_is_one_however_it_is_written(number: str) -> None:
    """With the plus of international numbers, what is dialled instead of it, or neither."""
    raw = private(contact={"first_name": "Ann", "phone_number": number, "user_id": 7})
    assert event_of(outcome_of(raw)).client_data.client_phone == "+49151234567"
