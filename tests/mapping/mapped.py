"""Recorded updates, and what becomes of them in Kit."""

import json
from itertools import count
from pathlib import Path
from typing import Any

from telegram import Update

from relay.kit.models import SendEvent
from relay.mapping.events import STRANGER, KitContext
from relay.mapping.to_kit import map_update
from relay.model import Accepted, Known, Outcome

SAMPLES = Path(__file__).parent.parent / "samples" / "telegram"
#: Parsing that one message, python-telegram-bot warns of its own future; nobody here asked for the value.
PTB_WARNS = "ignore:.*attribute `message_auto_delete_time`"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json"))


def raw_sample(name: str) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return raw


def mapped(raw: dict[str, Any], known: Known = STRANGER, **context: Any) -> Outcome:
    numbers = count(1)
    given_context = {"channel": "777", "public_url": "https://relay.example", **context}
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
