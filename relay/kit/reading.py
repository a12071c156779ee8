"""From Kit's JSON to its meaning, field by field. Pure.

Only what a delivery needs can make it fail: of a message the client and something to say, of a close nothing at all.
Whatever else is odd costs nothing but itself.
"""

from typing import Any

from relay.kit.events import UNTYPED, CloseConversationEvent, Event, OtherEvent, SendMessageEvent, UnusableItem
from relay.kit.limits import MAX_ITEMS, MAX_LINE, MAX_TEXT, mend
from relay.kit.payload import read_items
from relay.kit.values import as_id, as_object, as_words, is_empty


class Misfit(Exception):
    """The event lacks what its delivery needs. The message says what, with nothing of the body."""


def read_fields(raw: dict[str, Any], event_id: str) -> Event:
    """What the event says. Raises Misfit."""
    named = raw.get("event_type")
    event_type = mend(named).strip()[:MAX_LINE] if isinstance(named, str) else ""
    match event_type.lower():
        case "send_message":
            return _message(raw, event_id)
        case "close_conversation":
            return _close(raw, event_id)
        case "" if words_in(raw):
            raise Misfit("the event's event_type is no text")
        case _:
            return OtherEvent(event_id, event_type or UNTYPED)


def client_in(raw: dict[str, Any]) -> str | None:
    """Whom an event is about, if that can be read."""
    return as_id(as_object(raw.get("client_data")).get("client_id"))


def words_in(raw: dict[str, Any]) -> str:
    """What an event says to the customer, as far as it can be read."""
    return (as_words(_said(as_object(raw.get("event_data"))).get("text")) or "")[:MAX_TEXT]


def _message(raw: dict[str, Any], event_id: str) -> SendMessageEvent:
    client_id = client_in(raw)
    if client_id is None:
        raise Misfit("the event's client_data.client_id is no id")
    data = as_object(raw.get("event_data"))
    if not data and raw.get("event_data") not in ({}, []):
        raise Misfit("the event's event_data is no object")
    said = _said(data)
    text, items = as_words(said.get("text")), read_items(said.get("payload"))
    if text is None and not items:
        raise Misfit("the event's event_data.message holds no words")
    if len(text or "") > MAX_TEXT:
        raise Misfit(f"the event's event_data.message.text is longer than {MAX_TEXT} characters")
    if len(items) > MAX_ITEMS:
        raise Misfit(f"the event's event_data.message.payload holds more than {MAX_ITEMS} items")
    if text is None:
        items = (UnusableItem("text"), *items)
    sender = as_object(data.get("sender_data"))
    return SendMessageEvent(event_id, client_id, text or "", items, _name_in(sender), _is_by_agent(sender))


def _close(raw: dict[str, Any], event_id: str) -> CloseConversationEvent:
    reason = as_object(raw.get("event_data")).get("close_reason")
    return CloseConversationEvent(event_id, client_in(raw), reason if isinstance(reason, str) else "")


def _said(data: dict[str, Any]) -> dict[str, Any]:
    """The message's fields; of a message that is written as bare words, these."""
    message = data.get("message")
    return as_object(message) or ({} if is_empty(message) else {"text": message})


def _is_by_agent(sender: dict[str, Any]) -> bool:
    return sender.get("sender_type") == "agent" and sender.get("is_bot") is not True


def _name_in(sender: dict[str, Any]) -> str:
    name = sender.get("sender_display_name")
    return mend(name)[:MAX_LINE] if isinstance(name, str) else ""
