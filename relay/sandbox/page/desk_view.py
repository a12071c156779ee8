"""What the agents' desk shows, as JSON by key: each client's card, and each entry of the conversation."""

import re
from collections.abc import Iterator
from typing import Any, Final

from relay.sandbox.page.watch import Entry, Watch

Json = dict[str, Any]

#: How the relay says a point: `[location] 52.52, 13.405 https://maps.google.com/?q=52.52,13.405`.
_POINT: Final = re.compile(
    r"\[[^\]]+\] (?:(?P<name>.+), )?(?P<at>-?[\d.]+, -?[\d.]+) https://maps\.google\.com/\?q=[-\d.,]+"
)
_CARD = ("display_name", "avatar", "language", "phone", "email")


def desk_entries(watch: Watch) -> Iterator[tuple[str, Json]]:
    """Every client that wrote, in the order of their last words, and what was said."""
    for client, entries in watch.desk.items():
        yield f"desk/{client}", _card(client, list(entries))
        for entry in entries:
            yield f"desk/{client}/{entry.number}", _entry(watch, client, entry)


def _card(client: str, entries: list[Entry]) -> Json:
    heard = [entry for entry in entries if entry.sent is not None]
    data = heard[-1].sent.client_data if heard and heard[-1].sent else {}
    card: Json = {name: data[f"client_{name}"] for name in _CARD if f"client_{name}" in data}
    card |= {name: data[name] for name in ("utm", "page", "location", "device") if data.get(name)}
    last = entries[-1]
    return {
        **card,
        "client": client,
        "name": card.get("display_name") or client,
        "open": _is_open(entries),
        "heard": heard[-1].number if heard else 0,
        "last": last.number,
        "at": last.at,
        "preview": _preview(last),
    }


def _is_open(entries: list[Entry]) -> bool:
    """The customer wrote after it was closed."""
    for entry in reversed(entries):
        if entry.sent is not None:
            return True
        if entry.callback and entry.callback["event_type"] == "close_conversation":
            return False
    return False


def _preview(entry: Entry) -> str:
    if entry.sent is not None:
        kinds = ", ".join(str(item["type"]) for item in entry.sent.payload)
        return (entry.sent.text or kinds or "")[:120]
    event = entry.callback or {}
    if event.get("event_type") == "close_conversation":
        return "Conversation closed"
    message = event.get("event_data", {}).get("message", {})
    kinds = ", ".join(str(item.get("type")) for item in message.get("payload", []))
    return f"You: {message.get('text') or kinds}"[:120]


def _entry(watch: Watch, client: str, entry: Entry) -> Json:
    if entry.sent is not None:
        sent = entry.sent
        items = _items(sent.payload)
        shown = {"at": entry.at, "mine": False, "text": _beside(sent.text or "", items), **items}
        _, _, update_id = sent.message_id.rpartition(".")
        journey = watch.journeys.find("to_kit", update_id) or watch.journeys.of_message(
            "to_kit", client, sent.message_id
        )
        return shown | ({"ms": journey.ms, "twice": journey.twice} if journey else {})
    event = entry.callback or {}
    journey = watch.journeys.find("to_telegram", entry.event_id)
    progress: Json = {}
    if journey is not None:
        progress = {"stage": journey.stage, "ms": journey.ms, "reason": journey.reason}
    data = event.get("event_data", {})
    if event.get("event_type") == "close_conversation":
        return {"at": entry.at, "mine": True, "closed": str(data.get("close_reason", "")), **progress}
    message = data.get("message", {})
    author = data.get("sender_data", {}).get("sender_display_name", "")
    return {
        "at": entry.at,
        "mine": True,
        "author": author,
        "text": message.get("text", ""),
        **_items(message.get("payload", ())),
        **progress,
    }


def _beside(text: str, items: Json) -> str:
    """The words, without those that only repeat the card of a place or a person, as the relay adds for other desks."""
    place, contact = items.get("place"), items.get("contact")
    point = _POINT.fullmatch(text)
    if place and point and place.get("address", point["at"]) == (point["name"] or point["at"]):
        return ""
    if contact and text.endswith(f"] {contact['name']}, {contact['phone']}"):
        return ""
    return text


def _items(payload: Any) -> Json:  # noqa: ANN401 - whatever stood in a callback
    shown: Json = {"files": [], "buttons": []}
    for item in payload:
        match item.get("type"):
            case "photo" | "video" | "audio" | "document" as kind:
                shown["files"].append({"kind": kind, "url": item["file_url"], "name": item["file_name"], "size": 0})
            case "location":
                shown["place"] = {name: item[name] for name in ("latitude", "longitude", "address") if name in item}
            case "contact":
                shown["contact"] = {"name": item.get("name", ""), "phone": item.get("number", "")}
            case "telegram_inline_keyboard_markup":
                shown["buttons"] += _labels(item["inline_keyboard_markup"])
            case "telegram_reply_keyboard_markup":
                shown["buttons"] += _labels(item["reply_keyboard_markup"])
    return shown


def _labels(rows: list[list[Json]]) -> list[list[Json]]:
    return [[{"text": button["text"]} for button in row] for row in rows]
