"""What a customer's phone shows, as JSON by key: the chat, and each of its messages."""

from collections.abc import Iterator
from typing import Any, Final

from relay.sandbox.page.cast import CAST
from relay.sandbox.page.watch import Watch

Json = dict[str, Any]

#: Messages of a chat that the page shows.
SHOWN: Final = 150
_MEDIA: Final = ("animation", "photo", "video", "video_note", "voice", "audio", "sticker", "document")
_NOT_EDITABLE: Final = frozenset({"location", "contact", "sticker", "voice", "video_note"})


def phone_entries(watch: Watch) -> Iterator[tuple[str, Json]]:
    """Every chat of the cast, and its last messages."""
    for person in CAST:
        chat = watch.telegram.chats.get(person.id)
        conversation = chat.conversation[-SHOWN:] if chat else []
        action, at = watch.actions.get(person.id, ("", 0.0))
        yield (
            f"phone/{person.id}",
            {
                "started": bool(conversation),
                "blocked": bool(chat and chat.blocked),
                "keyboard": [[_key(key) for key in row] for row in chat.keyboard] if chat else [],
                "keyboard_from": chat.keyboard_from["message_id"] if chat and chat.keyboard_from else 0,
                "action": action,
                "action_at": at,
            },
        )
        for message in conversation:
            yield f"phone/{person.id}/{message['message_id']}", _message(watch, person.id, message)


def _message(watch: Watch, chat_id: int, message: Json) -> Json:
    place = (chat_id, message["message_id"])
    mine = not message.get("from", {}).get("is_bot")
    text = str(message.get("text", message.get("caption", ""))) or "\n".join(_rich_lines(_blocks(message)))
    if mine and text.startswith("/start "):
        text = "/start"  # a client does not show what a link carries
    shown: Json = {
        "id": message["message_id"],
        "at": message["date"],
        "mine": mine,
        "text": watch.edits.get(place, text),
        "edited": place in watch.edits,
        "reaction": watch.reactions.get(place, ""),
        "files": [file for part in (message, *_blocks(message)) for file in files_of(part)],
        "editable": mine and bool(text) and _NOT_EDITABLE.isdisjoint(message),
    }
    if place not in watch.edits:
        shown["entities"] = message.get("entities", message.get("caption_entities", []))
    if quote := _quote(message):
        shown["quote"] = quote
    shown |= _card(message)
    if markup := message.get("reply_markup"):
        shown["buttons"] = [[_button(button) for button in row] for row in markup.get("inline_keyboard", [])]
    if group := message.get("media_group_id"):
        shown["album"] = group
    if mine:
        shown |= _progress(watch, chat_id, message)
    return shown


def _card(message: Json) -> Json:
    """The place or the person that the message holds."""
    if venue := message.get("venue"):
        return {"place": {**venue["location"], "title": venue["title"], "address": venue["address"]}}
    if location := message.get("location"):
        return {"place": location}
    if contact := message.get("contact"):
        names = (contact.get("first_name"), contact.get("last_name"))
        return {"contact": {"name": " ".join(filter(None, names)), "phone": contact["phone_number"]}}
    return {}


def _quote(message: Json) -> Json | None:
    """What the message answers, in this chat or in another one."""
    if replied := message.get("reply_to_message"):
        return {"name": _author(replied), "text": brief(replied)}
    if elsewhere := message.get("external_reply"):
        return {"name": elsewhere.get("chat", {}).get("title", ""), "text": brief(elsewhere)}
    return None


def _blocks(message: Json) -> list[Json]:
    """The parts of a rich message (https://core.telegram.org/bots/api#richmessage); none of any other."""
    blocks: list[Json] = message.get("rich_message", {}).get("blocks", [])
    return blocks


def _rich_lines(blocks: list[Json]) -> Iterator[str]:
    """The plain words of these parts, a list's items behind their boxes."""
    for block in blocks:
        if isinstance(block.get("text"), str):
            yield block["text"]
        for item in block.get("items", []):
            box = ("☑ " if item.get("is_checked") else "☐ ") if item.get("has_checkbox") else ""
            yield box + " ".join(_rich_lines(item["blocks"]))
        if isinstance(words := block.get("caption", {}), dict) and isinstance(words.get("text"), str):
            yield words["text"]


def _progress(watch: Watch, chat_id: int, message: Json) -> Json:
    journey = watch.journeys.of_message("to_kit", str(chat_id), str(message["message_id"]))
    if journey is None:
        return {"stage": "settled"}
    return {"stage": journey.stage, "ms": journey.ms, "reason": journey.reason}


def files_of(message: Json) -> list[Json]:
    """The files in a message of Telegram's, as the phone opens them."""
    kind = next((kind for kind in _MEDIA if kind in message), None)
    if kind is None:
        return []
    media = message[kind][-1] if kind == "photo" else message[kind]
    file: Json = {
        "kind": kind,
        "url": f"/phone-files/{media['file_id']}",
        "name": media.get("file_name", ""),
        "size": media.get("file_size", 0),
    }
    return [file | {key: media[key] for key in ("duration", "emoji") if key in media}]


def brief(message: Json) -> str:
    """What a quote shows of a message."""
    kind = next((kind for kind in (*_MEDIA, "location", "contact") if kind in message), "")
    return str(message.get("text") or message.get("caption") or kind.replace("_", " "))[:120]


def _author(message: Json) -> str:
    user = message.get("from", {})
    return "Sandbox support" if user.get("is_bot") else str(user.get("first_name", ""))


def _key(key: str | Json) -> Json:
    return {"text": key} if isinstance(key, str) else {"text": key["text"], "share": bool(key.get("request_contact"))}


def _button(button: str | Json) -> Json:
    if isinstance(button, str):
        return {"text": button}
    return {name: button[name] for name in ("text", "callback_data", "url") if name in button}
