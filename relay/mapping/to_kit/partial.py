"""An update that python-telegram-bot refuses, read as far as it goes: what a customer said must not wait for a release.

First without what only surrounds the words; then as the words alone, with all that says whose they are. Pure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from telegram import Update

from relay.mapping.content.placeholders import CIRCUMSTANCES, KINDS
from relay.mapping.content.unknown import texts_within
from relay.mapping.event.events import KitContext
from relay.mapping.text.language import heading, noun, say, speaking
from relay.mapping.text.text import clean, join
from relay.mapping.to_kit.not_carried import REASONS
from relay.mapping.to_kit.updates import read
from relay.model import Declined, Reading, is_id

Raw = dict[str, Any]

#: Fields beside the words, wherever they stand. Those that agents miss least go first, each alone, then all.
_BESIDE: Final = (
    "link_preview_options",
    "suggested_post_info",
    "via_bot",
    "reply_markup",
    "quote",
    "reply_to_story",
    "external_reply",
    "reply_to_message",
    "forward_origin",
    "caption_entities",
    "entities",
)
_MESSAGES: Final = ("message", "edited_message", "business_message", "edited_business_message")
_DEEPEST: Final = 32  #: Levels; deeper down nothing is left out.
#: What a person or chat is known by, each with the types that it can have.
_PERSON: Final = {"first_name": str, "last_name": str, "username": str, "language_code": str, "title": str}
#: What says where a message was said, beside its chat.
_PLACE: Final = {
    "business_connection_id": str,
    "ephemeral_message_id": int | str,
    "is_topic_message": bool,
    "media_group_id": str,
    "message_thread_id": int,
}
#: Fields that need no words of their own in the placeholder.
_SURROUNDING: Final = CIRCUMSTANCES | _PLACE.keys() | {"message_id", "date", "chat", "from", "text"}
_LAST_DATE: Final = 2**32  #: Unix time that every datetime can hold.


def read_in_part(raw: Mapping[str, Any], context: KitContext) -> Reading | None:
    """What can be read of an update that python-telegram-bot refuses; None when not even whose it is. Never raises."""
    for rest in _rests(raw, context):
        try:
            return read(Update.de_json(rest, None), context)
        except Exception:  # noqa: BLE001, S112 - it raises whatever its constructors do; the next rest holds less
            continue
    field = next((field for field in REASONS if isinstance(raw.get(field), dict)), None)
    if field is None:
        return None
    declined = Declined(f"{field}: {REASONS[field]}")
    return Reading(lambda _: declined)


def _rests(raw: Mapping[str, Any], context: KitContext) -> Iterator[Raw]:
    """What is left of an update: less and less."""
    for name in _BESIDE:
        yield _without(raw, frozenset({name}))
    yield _without(raw, frozenset(_BESIDE))
    for field in _MESSAGES:
        message = raw.get(field)
        if isinstance(message, dict) and (bare := _bare_message(message)) is not None:
            with speaking(context.language):
                bare["text"] = _words(message)
            if bare["text"] == message.get("text"):  # hidden links and commands stand in the entities
                yield {"update_id": raw["update_id"], field: {**bare, **_plain(message, {"entities": list})}}
            yield {"update_id": raw["update_id"], field: bare}
    for field, bare_of in _OTHERS.items():
        other = raw.get(field)
        if isinstance(other, dict) and (rest := bare_of(other)) is not None:
            yield {"update_id": raw["update_id"], field: rest}


def _without(raw: Mapping[str, Any], names: frozenset[str], depth: int = 0) -> Raw:
    return {name: _inside(value, names, depth + 1) for name, value in raw.items() if name not in names}


def _inside(node: object, names: frozenset[str], depth: int) -> object:
    if depth > _DEEPEST:
        return node
    if isinstance(node, list):
        return [_inside(each, names, depth + 1) for each in node]
    return _without(node, names, depth) if isinstance(node, dict) else node


def _words(message: Raw) -> str:
    """The text; of any other content its kind, every text in it, and that there may have been more."""
    if clean(message.get("text")).strip():
        return clean(message["text"])
    new = sorted(name for name in message if name not in _SURROUNDING and name not in KINDS)
    kind = next((kind for kind in KINDS if kind in message), new[0] if new else "message")
    return join("\n", heading(noun(kind), texts_within(message.get(kind))), message.get("caption"), say("read_in_part"))


def _bare_message(message: Raw) -> Raw | None:
    """A message without its content: by whom it is, where, and when. None when its chat is nobody's."""
    chat = _bare_chat(message.get("chat"))
    if chat is None:
        return None
    date, number, topic = message.get("date"), message.get("message_id"), message.get("direct_messages_topic")
    bare: Raw = {
        "message_id": number if is_id(number) else 0,
        "date": date if type(date) is int and 0 < date < _LAST_DATE else 1,
        "chat": chat,
        **_plain(message, _PLACE),
    }
    people = {name: _bare_person(message.get(name)) for name in ("from", "sender_business_bot")}
    bare |= {name: person for name, person in people.items() if person is not None}
    if (speaks_as := _bare_chat(message.get("sender_chat"))) is not None:
        bare["sender_chat"] = speaks_as
    if isinstance(topic, dict) and is_id(topic.get("topic_id")):
        user = _bare_person(topic.get("user"))
        bare["direct_messages_topic"] = {"topic_id": topic["topic_id"], **({"user": user} if user is not None else {})}
    return bare


def _bare_press(query: Raw) -> Raw | None:
    """A press of a button, without what the message under it holds."""
    person, message = _bare_person(query.get("from")), query.get("message")
    bare = _bare_message(message) if isinstance(message, dict) else None
    if person is None or bare is None:
        return None
    given = _plain(query, {"data": str, "game_short_name": str})
    return {"id": "", "chat_instance": "", "from": person, "message": bare, **given}


def _bare_reaction(reaction: Raw) -> Raw | None:
    """A reaction with those of its emoji that can be read; None when there are none, before and after."""
    bare, user = _bare_message(reaction), _bare_person(reaction.get("user"))
    lists = {name: _bare_emoji(reaction.get(name)) for name in ("old_reaction", "new_reaction")}
    if bare is None or not any(lists.values()):
        return None
    return {**bare, **({"user": user} if user is not None else {}), **lists}


def _bare_emoji(listed: object) -> list[Raw]:
    emoji = (
        (_plain(each, {"emoji": str}) for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
    )
    return [{"type": "emoji", **each} for each in emoji if each]


def _bare_blocking(change: Raw) -> Raw | None:
    """That a customer blocked the bot, or let it in again. What it may do in a group is not to be guessed."""
    bare, person = _bare_message(change), _bare_person(change.get("from"))
    members = [change.get(name) for name in ("old_chat_member", "new_chat_member")]
    if bare is None or person is None or bare["chat"]["type"] != "private":
        return None
    states = [each.get("status") for each in members if isinstance(each, dict)]
    if len(states) != len(members) or not {*states} <= {"member", "kicked"}:
        return None
    old, new = ({"user": person, "status": state, "until_date": 0} for state in states)
    return {"chat": bare["chat"], "from": person, "date": bare["date"], "old_chat_member": old, "new_chat_member": new}


#: What else customers do, and how it is told without what cannot be read.
_OTHERS: Final = {
    "callback_query": _bare_press,
    "message_reaction": _bare_reaction,
    "my_chat_member": _bare_blocking,
}


def _bare_chat(chat: object) -> Raw | None:
    if not isinstance(chat, dict) or not is_id(chat.get("id")) or not isinstance(chat.get("type"), str):
        return None
    return {"id": chat["id"], "type": chat["type"], **_plain(chat, _PERSON)}


def _bare_person(person: object) -> Raw | None:
    if not isinstance(person, dict) or not is_id(person.get("id")):
        return None
    return {"id": person["id"], "is_bot": bool(person.get("is_bot")), "first_name": "", **_plain(person, _PERSON)}


def _plain(node: Raw, types: Mapping[str, Any]) -> Raw:
    """Those of these fields that are what they should be."""
    return {name: node[name] for name, kind in types.items() if isinstance(node.get(name), kind)}
