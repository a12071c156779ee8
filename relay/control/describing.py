"""What a delivery holds, told without a word of it: kinds and lengths. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

#: Fields of a message in Telegram whose length says enough.
_WORDS: Final = frozenset({"text", "caption", "data"})


def holds(direction: str, body: str | None, letter_body: str | None) -> list[str]:
    """A line for each part: of the delivery, or, if there is none, of the letter that could not be read."""
    if body is None:
        return _letter(letter_body)
    try:
        document = json.loads(body)
        return list(map(_step, document)) if direction == "to_telegram" else _event(document)
    except (ValueError, TypeError, AttributeError, KeyError):
        return [f"{len(body)} characters that are not understood"]


#: Of a message in Telegram, what says nothing of what is in it.
_AROUND: Final = frozenset({"message_id", "date", "edit_date", "chat", "from", "business_connection_id", "entities"})


def kinds_in(source: str, letter: Mapping[str, Any]) -> list[str]:
    """What a letter is and has in it, by the names of its fields."""
    if source == "kit":
        return _kinds_in_event(letter)
    for kind, told in letter.items():
        if kind != "update_id" and isinstance(told, dict):
            inside = sorted(name for name in told if name not in _AROUND)
            return [kind, *(_characters(name, told[name]) if name in _WORDS else name for name in inside)]
    return []


def _kinds_in_event(event: Mapping[str, Any]) -> list[str]:
    try:
        return _event(event)
    except (TypeError, AttributeError, KeyError):
        return ["an event in a shape of its own"]


def _event(event: Mapping[str, Any]) -> list[str]:
    message = event["event_data"].get("message") or {}
    told = [event["event_type"]]
    if text := message.get("text"):
        told.append(_characters("text", text))
    return told + [str(item["type"]) for item in message.get("payload", ())]


def _step(step: dict[str, Any]) -> str:
    name = str(step["step"]).removeprefix("send_")
    if "items" in step:
        return f"{name} of {len(step['items'])}"
    name = f"{step['kind']}" if name == "file" and "kind" in step else name
    text = step.get("text") or step.get("caption")
    return _characters(name, text) if text else name


def _letter(body: str | None) -> list[str]:
    if body is None:
        return ["nothing any more"]
    try:
        names = sorted(json.loads(body))
    except (ValueError, TypeError):
        names = []
    return [f"a letter of {len(body)} characters that could not be read", *map(str, names[:20])]


def _characters(what: str, text: object) -> str:
    return f"{what} of {len(str(text))} characters"
