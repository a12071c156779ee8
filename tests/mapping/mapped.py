"""Recorded updates, and what becomes of them in Kit."""

import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from telegram import Update

from relay.kit.models import SendEvent
from relay.mapping.event.events import STRANGER, KitContext
from relay.mapping.to_kit.updates import map_update
from relay.model import Accepted, Address, BusinessConnection, Client, Known, Outcome, Said

SAMPLES = Path(__file__).parent.parent / "samples" / "telegram"
#: Parsing that one message, python-telegram-bot warns of its own future; nobody here asked for the value.
PTB_WARNS = "ignore:.*attribute `message_auto_delete_time`"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))


#: The owner of the recorded Business account, by the ids of its connections.
OWNERS = {"bc1": 900000001, "bc2": 900000001}
_PROFILE = {"client_display_name": "Anna Keller", "client_language": "de"}
_RIGHTS = {"can_reply": True, "can_read_messages": True}
ANNA = Client("107804195", Address(107804195), language="de", profile=_PROFILE)
IN_ACCOUNT = replace(ANNA, client_id="107804195@900000001", address=Address(107804195, "bc1"))
IN_CHANNEL = replace(
    ANNA,
    client_id="107804195@-1002345678901",
    address=Address(-1002345678901, direct_messages_topic_id=107804195),
)
CONNECTION = BusinessConnection("bc1", 900000001, 900000001, enabled=True, rights=_RIGHTS)
#: Who writes what `private` makes, with an open conversation.
TALKING = Known(Client("7", Address(7), profile={"client_display_name": "Ann"}))
ENDED = replace(CONNECTION, rights={"can_read_messages": True})
#: What is known when an update comes that says little by itself.
BEFORE = {
    "blocked": Known(ANNA),
    "unblocked": Known(ANNA),
    "business_own": Known(IN_ACCOUNT),
    "business_edited": Known(IN_ACCOUNT, {78: Said(78, "customer", "to the owner")}),
    "business_deleted": Known(IN_ACCOUNT, {78: Said(78, "customer", "to the owner")}),
    "business_rights": Known(connection=CONNECTION, open_clients=(IN_ACCOUNT,)),
    "business_back": Known(connection=ENDED, open_clients=(IN_ACCOUNT,)),
    "business_withdrawn": Known(connection=replace(CONNECTION, id="bc2"), open_clients=(IN_ACCOUNT,)),
    "direct_message_own": Known(IN_CHANNEL),
    "edited_text": Known(ANNA, {72: Said(72, "customer", "Where is my order №5?")}),
    "edited_photo": Known(ANNA, {73: Said(73, "customer", "The wrong one")}),
    "reaction": Known(ANNA, {41: Said(41, "agent", "It is on its way")}),
    "reaction_removed": Known(ANNA, {41: Said(41, "agent", "It is on its way")}),
    **dict.fromkeys(
        [
            *("checklist_tasks_done", "refunded_payment"),
            *("auto_delete_timer", "background", "connected_website", "giveaway_completed", "location_live_end"),
            *("pinned_message", "proximity_alert", "reaction_changed", "topic_closed", "topic_created", "topic_edited"),
            *("topic_icon", "topic_reopened", "write_access_allowed"),
        ],
        Known(ANNA),
    ),
    **dict.fromkeys(
        [
            *("suggested_post_approval_failed", "suggested_post_approved", "suggested_post_declined"),
            *("suggested_post_paid", "suggested_post_refunded"),
        ],
        Known(IN_CHANNEL),
    ),
}


def raw_sample(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return raw


def mapped_sample(name: str, **context: Any) -> Outcome:
    """What becomes of a recorded update when what came before it is known."""
    return mapped(raw_sample(name), BEFORE.get(name, STRANGER), **context)


def mapped(raw: dict[str, Any], known: Known = STRANGER, **context: Any) -> Outcome:
    numbers = count(1)
    given_context = {"channel": "777", "public_url": "https://relay.example", "owners": OWNERS, **context}
    kit_context = KitContext(new_media_id=lambda: f"id{next(numbers)}", **given_context)
    return map_update(Update.de_json(raw, None), kit_context, known)


def event_of(outcome: Outcome) -> SendEvent:
    """The event of an accepted update, valid by the strict model, and without a field too many."""
    assert isinstance(outcome, Accepted)
    assert "\0" not in outcome.draft.body.encode().decode()  # UTF-8 can carry it, and every database
    event = SendEvent.model_validate_json(outcome.draft.body)
    assert json.loads(event.to_json()) == json.loads(outcome.draft.body)
    assert outcome.draft.direction == "to_kit"
    assert event.client_data.client_id == outcome.draft.client_id
    return event


def private(**content: Any) -> dict[str, Any]:
    person = {"id": 7, "first_name": "Ann"}
    message = {"message_id": 3, "date": 1, "chat": {**person, "type": "private"}, "from": {**person, "is_bot": False}}
    return {"update_id": 5, "message": {**message, **content}}
