"""Every update becomes an event that Kit can take, or is declined for a written reason."""

import json
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Message, Update
from telegram.constants import MessageAttachmentType, MessageType

from relay.mapping.content.kinds import CIRCUMSTANCES, KINDS
from relay.mapping.content.readers import READERS
from relay.mapping.content.service_messages import WORDS
from relay.mapping.event.events import RELAY_NAMESPACE, STRANGER, derived_id
from relay.mapping.to_kit.not_carried import NEWER, REASONS
from relay.mapping.to_kit.updates import MAPPERS, wants_of
from relay.model import Accepted, Address, Client, Declined, Known, Media, Wants
from relay.sandbox.kit.events import check_event
from relay.steps import load_steps
from relay.telegram.polling import ALLOWED_UPDATES
from tests.examples import portions
from tests.mapping.mapped import (
    ANNA,
    CONNECTION,
    IN_ACCOUNT,
    OWNERS,
    TALKING,
    event_of,
    mapped,
    mapped_sample,
    private,
    raw_sample,
)
from tests.mapping.raw_updates import UPDATES

#: What is known of a Business account in which somebody is talked to.
ACCOUNT = Known(connection=CONNECTION, open_clients=(IN_ACCOUNT,))
SHOP = {"id": 9, "is_bot": True, "first_name": "Shop"}
NOWHERE = {"chat": None, "message_id": 1, "date": 0}

#: Fields of a message that were looked at and found to need no more than their name and words.
PLACEHOLDERS = set(
    """
    boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left chat_shared
    checklist checklist_tasks_added checklist_tasks_done connected_website delete_chat_photo dice
    direct_message_price_changed forum_topic_closed forum_topic_created forum_topic_reopened
    general_forum_topic_hidden general_forum_topic_unhidden giveaway giveaway_completed giveaway_created
    giveaway_winners group_chat_created invoice left_chat_member managed_bot_created
    message_auto_delete_timer_changed migrate_from_chat_id migrate_to_chat_id new_chat_members new_chat_title
    paid_message_price_changed passport_data poll_option_added poll_option_deleted proximity_alert_triggered
    refunded_payment story successful_payment suggested_post_approval_failed suggested_post_approved
    suggested_post_declined suggested_post_paid suggested_post_refunded supergroup_chat_created users_shared
    video_chat_ended video_chat_participants_invited video_chat_scheduled video_chat_started web_app_data
    write_access_allowed
    """.split()  # noqa: SIM905 -- sixty quoted names would fill the screen
)


def test_an_event_is_what_kit_documents() -> None:
    """The whole body, field by field, for a plain text."""
    outcome = mapped(raw_sample("text"))
    assert isinstance(outcome, Accepted)
    assert outcome.client == Client(
        "107804195",
        Address(107804195),
        language="de",
        profile={"client_display_name": "Anna Keller", "client_language": "de"},
    )
    assert json.loads(outcome.draft.body) == {
        "client_data": {
            "client_id": "107804195",
            "client_display_name": "Anna Keller",
            "client_language": "de",
        },
        "event_id": "f07803f6-5ce6-506a-8901-900fb22bafb3",
        "event_type": "send_message",
        "event_data": {"message": {"message_id": "41", "text": "Hello! Where is my order №5? 👋"}},
    }


def test_the_namespace_never_changes() -> None:
    """Another namespace would give every stored update a new event id."""
    assert str(RELAY_NAMESPACE) == "e1fb4162-f2ad-4ce2-a55c-9a5d90eee1ad"


@given(name=st.text(st.characters(exclude_categories=["Cs"])))
def test_event_ids_are_uuids_of_their_names(name: str) -> None:
    """Version 5, as the standard library makes them."""
    assert derived_id(name) == str(uuid5(RELAY_NAMESPACE, name))


def test_ids_are_derived_and_never_drawn() -> None:
    """A retry is the same event; another update or another bot is another one; an edit is another message."""
    text = raw_sample("text")
    ids = [
        event_of(mapped(raw, channel=channel)).event_id
        for raw, channel in ((text, "777"), (text, "777"), (text, "778"), ({**text, "update_id": 1}, "777"))
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert event_of(mapped(raw_sample("edited_text"))).event_data.message.message_id == "72.edit.863201032"
    assert event_of(mapped_sample("reaction")).event_data.message.message_id == "41.reaction.863201041"


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"first_name": "Ann", "last_name": "Lee"}, "Ann Lee"),
        ({"first_name": "Ann"}, "Ann"),
        ({"first_name": "", "last_name": "Lee"}, "Lee"),
        ({"first_name": " ", "username": "lee"}, "@lee"),
        ({"first_name": ""}, "deleted account"),
        ({"first_name": "\u3164"}, "no name"),
        ({"first_name": "\u3164\u200e", "username": "lee"}, "@lee"),
        ({"first_name": "\u2800", "last_name": "Lee"}, "Lee"),
        ({"first_name": "\u0301", "username": "lee"}, "@lee"),
        ({"first_name": "a\ud83d\0"}, "a\ufffd"),
        ({"first_name": "An\x1bna\r\nB: c", "last_name": "\u2028x"}, "Anna B: c x"),
        ({"first_name": "\u202egpj.exe", "last_name": "\u2066A\u2069"}, "gpj.exe A"),
        ({"first_name": "a" + "\u0301" * 300}, "a" + "\u0301" * 4),
        ({"first_name": "نسیم\u200cخان"}, "نسیم\u200cخان"),
        ({"first_name": "👩\u200d👧 1\ufe0f\u20e3"}, "👩\u200d👧 1\ufe0f\u20e3"),
        ({"first_name": "x" * 300}, "x" * 256),
    ],
)
def test_a_customer_is_called_by_name(person: dict[str, Any], name: str) -> None:
    """The full name, else the user name, else that there is none; without what deceives the eye or shows nothing."""
    raw = private(text="hi")
    raw["message"]["from"] = {"id": 7, "is_bot": False, **person}
    data = event_of(mapped(raw)).client_data
    assert (data.client_display_name, data.client_language) == (name, None)


def test_a_message_without_a_sender_is_the_chats() -> None:
    """In a private chat the chat itself tells who writes."""
    raw = private(text="hi")
    del raw["message"]["from"]
    assert event_of(mapped(raw)).client_data.client_display_name == "Ann"


@pytest.mark.parametrize(("size", "passed"), [(None, True), (100, True), (101, False), (2**70, True)])
def test_a_file_over_the_limit_is_named_instead(size: int | None, *, passed: bool) -> None:
    """What Telegram won't let us download is told in words; a size that nobody knows is tried."""
    document = {"file_id": "f", "file_unique_id": "u", "file_name": "a.bin", "file_size": size}
    outcome = mapped(private(document=document), download_limit=100)
    message = event_of(outcome).event_data.message
    assert isinstance(outcome, Accepted)
    assert (len(outcome.media), bool(message.payload)) == (passed, passed)
    if passed:
        assert outcome.media == (Media("id1", "f", "a.bin", "application/octet-stream", size if size == 100 else None),)
    else:
        assert message.text == "[document] a.bin, 0.0 MB: too large to be passed on"


def test_the_limit_holds_for_each_file() -> None:
    """Of a live photo whose moving part is too large, the still is passed on and the rest is told."""
    small = [{"file_id": "s", "file_unique_id": "u", "width": 1, "height": 1, "file_size": 10}]
    live = {"file_id": "l", "file_unique_id": "v", "width": 1, "height": 1, "duration": 3, "file_size": 2**20}
    outcome = mapped(private(live_photo=live, photo=small, caption="moves"), download_limit=100)
    assert isinstance(outcome, Accepted)
    assert [media.file_id for media in outcome.media] == ["s"]
    message = event_of(outcome).event_data.message
    assert message.text == "[live photo] live-photo 1970-01-01 00.00 (3).mp4, 1.0 MB: too large to be passed on\nmoves"
    assert len(message.payload or []) == 1


ME = {"phone_number": "+49123", "first_name": "Ann", "user_id": 7}


@pytest.mark.parametrize(
    ("content", "phone"),
    [
        ({"contact": ME}, "+49123"),
        ({"contact": {**ME, "user_id": 8}}, None),
        ({"contact": {**ME, "user_id": None}}, None),
        ({"contact": {**ME, "phone_number": " "}}, None),
        ({"contact": ME, "via_bot": SHOP}, None),
        ({"contact": ME, "forward_origin": {"type": "hidden_user", "sender_user_name": "Ann", "date": 1}}, None),
    ],
)
def test_a_number_is_the_customers_only_when_telegram_says_so(content: dict[str, Any], phone: str | None) -> None:
    """Somebody else's card, and a card that somebody else made, teach nothing about who writes."""
    assert event_of(mapped(private(**content))).client_data.client_phone == phone


@pytest.mark.parametrize(
    ("point", "shown"),
    [
        ({"latitude": 90, "longitude": -180}, "[location] 90, -180 https://maps.google.com/?q=90,-180"),
        ({"latitude": 90.1, "longitude": 0}, "[location]"),
        ({"latitude": float("nan"), "longitude": 0}, "[location]"),
        ({"latitude": "5", "longitude": True}, "[location]"),
    ],
)
def test_a_point_is_on_earth_or_no_item(point: dict[str, Any], shown: str) -> None:
    """Kit gets coordinates that a map has, or only the word that there was a place."""
    event = event_of(mapped(private(location=point)))
    message = event.event_data.message
    assert message.text == shown
    assert bool(message.payload) == bool(event.client_data.location) == ("maps" in shown)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"forward_origin": {"type": "new", "date": 1}}, "↪ forwarded\nhi"),
        ({"forward_origin": {"type": "hidden_user", "sender_user_name": " ", "date": 1}}, "↪ forwarded\nhi"),
        ({"quote": {"text": "those words", "position": 0}}, "❝those words❞\nhi"),
        ({"quote": {"text": "w " * 99, "position": 0, "is_manual": True}}, f"❝{('w ' * 99).strip()}❞\nhi"),
        ({"quote": {"text": "w " * 99, "position": 0}}, f"❝{('w ' * 40).strip()}…❞\nhi"),
        ({"external_reply": {"origin": {"type": "new", "date": 1}}}, "❝[message]❞\nhi"),
    ],
)
def test_what_a_message_refers_to_goes_before_it(content: dict[str, Any], text: str) -> None:
    """Also when Telegram keeps to itself who or what it was. Words that a customer chose are not cut."""
    assert event_of(mapped(private(text="hi", **content))).event_data.message.text == text


@pytest.mark.parametrize(
    ("replied", "words"),
    [
        ({"text": "a\n\nb"}, "a b"),
        ({"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}], "caption": "mine"}, "mine"),
        ({"document": {"file_id": "f", "file_unique_id": "u", "file_name": "a.pdf"}}, "[document] a.pdf"),
        (
            {"voice": {"file_id": "f", "file_unique_id": "u", "duration": 1}},
            "[voice message] voice 1970-01-01 00.00 (2).ogg",
        ),
        ({"new_kind": 1}, "[new kind]"),
        ({}, "[empty message]"),
    ],
)
def test_a_reply_reminds_of_what_it_answers(replied: dict[str, Any], words: str) -> None:
    """Its first words in one line, else its kind."""
    replied = {"message_id": 2, "date": 1, "chat": {"id": 7, "type": "private"}, **replied}
    assert event_of(mapped(private(text="hi", reply_to_message=replied))).event_data.message.text == f"❝{words}❞\nhi"


def test_a_pinned_message_may_be_gone() -> None:
    """Telegram names a message that nobody can read any more; the agent is told so."""
    gone = {"message_id": 2, "date": 0, "chat": {"id": 7, "type": "private"}}
    text = event_of(mapped(private(pinned_message=gone), TALKING)).event_data.message.text
    assert text == "[pinned a message] ❝a message that cannot be read any more❞"


def test_the_largest_photo_is_taken() -> None:
    """Telegram offers several sizes, in no promised order."""
    sizes = [{"file_id": f"f{side}", "file_unique_id": "u", "width": side, "height": side} for side in (9, 90, 30)]
    outcome = mapped(private(photo=sizes))
    assert isinstance(outcome, Accepted)
    assert outcome.media[0].file_id == "f90"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({}, "[empty message]"),
        ({"text": "\0"}, "[text]"),
        ({"photo": [{"file_id": "", "file_unique_id": "u", "width": 1, "height": 1}], "caption": "x"}, "x"),
        ({"new_kind": 1, "another_kind": {}}, "[another kind]"),
        ({"caption": "words", "new_kind": 1}, "[new kind]\nwords"),
        ({"new_chat_title": "T"}, "[new chat title] T"),
        ({"unique_gift": {"gift": None, "origin": "new"}}, "[unique gift]"),
        ({"new_chat_photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]}, "[new chat photo]"),
        ({"venue": {"title": "Bar", "address": "", "location": None}}, "[venue] Bar"),
        (
            {"proximity_alert_triggered": {"traveler": SHOP, "watcher": SHOP, "distance": 5}},
            "[came near] Shop → Shop, 5 m",
        ),
        ({"left_chat_member": {"id": 9, "is_bot": False, "first_name": "", "username": "x"}}, "[left the chat] @x"),
        ({"game": {"title": "Chess", "description": "by mail", "photo": []}}, "[game] Chess: by mail"),
        (
            {
                "invoice": {
                    "title": "Tea",
                    "description": "",
                    "start_parameter": "",
                    "currency": "EUR",
                    "total_amount": 1,
                }
            },
            "[invoice] Tea, 0.01 EUR",
        ),
    ],
)
def test_no_message_is_silent(content: dict[str, Any], text: str) -> None:
    """Whatever a message lacks, Kit is told that there was one."""
    assert event_of(mapped(private(**content), TALKING)).event_data.message.text == text


def test_every_kind_of_attachment_is_named() -> None:
    """Each kind on python-telegram-bot's own lists has a reader or is named by a placeholder."""
    readers = {field for field, _ in READERS}
    listed = {kind.value for kind in (*MessageAttachmentType, *MessageType)}
    assert listed <= readers | set(KINDS) | CIRCUMSTANCES
    assert set(WORDS) <= set(KINDS)
    assert readers <= set(KINDS)


def test_a_new_field_of_a_message_asks_for_a_decision() -> None:
    """When a newer python-telegram-bot adds a field, someone decides: a reader, a placeholder or a circumstance."""
    readers = {field for field, _ in READERS}
    assert not set(KINDS) & CIRCUMSTANCES
    assert set(Message.__slots__) == readers | PLACEHOLDERS | CIRCUMSTANCES
    assert not readers & PLACEHOLDERS


def test_every_field_of_an_update_is_carried_or_has_a_reason() -> None:
    """When a newer python-telegram-bot adds a kind of update, someone writes down what becomes of it."""
    fields = {field for field in Update.__slots__ if not field.startswith("_")} - {"update_id"}
    assert fields == set(MAPPERS) | set(REASONS)
    assert set(Update.ALL_TYPES) == fields
    assert not fields & set(NEWER)
    # What is carried is asked for, and what is asked for is carried or can be declined.
    assert set(MAPPERS) <= {*ALLOWED_UPDATES}
    assert fields - {*ALLOWED_UPDATES} <= set(REASONS)


@pytest.mark.parametrize(
    ("update", "missing"),
    [
        (
            {"callback_query": {"id": "1", "from": SHOP, "chat_instance": "1", "message": NOWHERE}},
            "a button under a message in nobody's chat",
        ),
        ({"message": {"message_id": 3, "date": 1, "chat": None, "text": "hi"}}, "message: nobody's, without its chat"),
        (
            {
                "my_chat_member": {
                    "chat": {"id": 7, "type": "private"},
                    "from": {"id": 7, "is_bot": False, "first_name": "Ann"},
                    "date": 1,
                    "old_chat_member": None,
                    "new_chat_member": None,
                }
            },
            "my_chat_member: nobody's, without its old_chat_member",
        ),
    ],
)
def test_an_update_that_does_not_say_whose_it_is_is_declined(update: dict[str, Any], missing: str) -> None:
    """Telegram always says it; where it does not, nobody is guessed and nothing breaks."""
    raw = {"update_id": 5, **update}
    assert wants_of(Update.de_json(raw, None)) == Wants()
    assert mapped(raw) == Declined(missing)


@portions(4)
@given(raw=UPDATES, known=st.sampled_from([STRANGER, Known(ANNA), Known(IN_ACCOUNT), ACCOUNT]))
def test_any_update_is_an_event_or_declined(raw: dict[str, Any], known: Known) -> None:
    """Whatever PTB parses, however odd its values, becomes valid events, a farewell, or a written reason."""
    wants_of(Update.de_json(raw, None), OWNERS)
    outcome = mapped(raw, known)
    if isinstance(outcome, Declined):
        assert outcome.reason.encode()
        return
    assert isinstance(outcome, Accepted)
    if outcome.draft.direction == "to_telegram":
        assert load_steps(outcome.draft.body)
        assert (outcome.client, outcome.more) == (None, ())
        return
    event = event_of(outcome)
    assert (event.event_data.message.text or "").strip() or event.event_data.message.payload
    check_event(json.loads(outcome.draft.body))
