"""What a delivery holds, told without a word of it: kinds and lengths. Pure."""

import json
from typing import Any


def holds(direction: str, body: str | None, letter_body: str | None) -> list[str]:
    """A line for each part: of the delivery, or, if there is none, of the letter that could not be read."""
    if body is None:
        return _letter(letter_body)
    try:
        document = json.loads(body)
        return list(map(_step, document)) if direction == "to_telegram" else _event(document)
    except (ValueError, TypeError, AttributeError, KeyError):
        return [f"{len(body)} characters that are not understood"]


def _event(event: dict[str, Any]) -> list[str]:
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


def _characters(what: str, text: str) -> str:
    return f"{what} of {len(text)} characters"
