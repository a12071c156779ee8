"""Of raw updates, who and where, read by itself: what says whose it is must not suffer from what it says. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from relay.mapping.content.kinds import CIRCUMSTANCES, KINDS
from relay.model import is_id

Raw = dict[str, Any]

#: Fields of an update that hold what somebody said.
MESSAGES: Final = ("message", "edited_message", "business_message", "edited_business_message")

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
#: The fields of a message that `bare_message` reads.
FRAME: Final = frozenset(
    {*_PLACE, "message_id", "date", "chat", "from", "sender_business_bot", "sender_chat", "direct_messages_topic"}
)
#: Fields of a message that do not say what it holds.
_SURROUNDING: Final = CIRCUMSTANCES | FRAME | {"text"}
_LAST_DATE: Final = 2**32  #: Unix time that every datetime can hold.
#: In the place of a name that cannot be read: nothing to be seen, which is not the "" of deleted accounts.
_UNREADABLE_NAME: Final = "\u2063"


def bare_message(message: Raw) -> Raw | None:
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


def kind_of(message: Raw) -> str:
    """The kind of what a message holds, by python-telegram-bot; else Telegram's name of what it invented since."""
    new = sorted(name for name in message if name not in _SURROUNDING and name not in KINDS)
    return next((kind for kind in KINDS if kind in message), new[0] if new else "message")


def bare_press(query: Raw) -> Raw | None:
    """A press of a button, without what the message under it holds."""
    person, message = _bare_person(query.get("from")), query.get("message")
    bare = bare_message(message) if isinstance(message, dict) else None
    if person is None or bare is None:
        return None
    given = _plain(query, {"data": str, "game_short_name": str})
    return {"id": "", "chat_instance": "", "from": person, "message": bare, **given}


def bare_reaction(reaction: Raw) -> Raw | None:
    """A reaction with those of its emoji that can be read; None when there are none, before and after."""
    bare, user = bare_message(reaction), _bare_person(reaction.get("user"))
    lists = {name: _bare_emoji(reaction.get(name)) for name in ("old_reaction", "new_reaction")}
    if bare is None or not any(lists.values()):
        return None
    return {**bare, **({"user": user} if user is not None else {}), **lists}


def _bare_emoji(listed: object) -> list[Raw]:
    emoji = (
        (_plain(each, {"emoji": str}) for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
    )
    return [{"type": "emoji", **each} for each in emoji if each]


def bare_blocking(change: Raw) -> Raw | None:
    """That a customer blocked the bot, or let it in again. What it may do in a group is not to be guessed."""
    bare, person = bare_message(change), _bare_person(change.get("from"))
    members = [change.get(name) for name in ("old_chat_member", "new_chat_member")]
    if bare is None or person is None or bare["chat"]["type"] != "private":
        return None
    states = [each.get("status") for each in members if isinstance(each, dict)]
    if len(states) != len(members) or not {*states} <= {"member", "kicked"}:
        return None
    old, new = ({"user": person, "status": state, "until_date": 0} for state in states)
    return {"chat": bare["chat"], "from": person, "date": bare["date"], "old_chat_member": old, "new_chat_member": new}


def _bare_chat(chat: object) -> Raw | None:
    if not isinstance(chat, dict) or not is_id(chat.get("id")) or not isinstance(chat.get("type"), str):
        return None
    return {"id": chat["id"], "type": chat["type"], **_plain(chat, _PERSON)}


def _bare_person(person: object) -> Raw | None:
    if not isinstance(person, dict) or not is_id(person.get("id")):
        return None
    return {
        "id": person["id"],
        "is_bot": bool(person.get("is_bot")),
        "first_name": _UNREADABLE_NAME,
        **_plain(person, _PERSON),
    }


def _plain(node: Raw, types: Mapping[str, Any]) -> Raw:
    """Those of these fields that are what they should be."""
    return {name: node[name] for name, kind in types.items() if isinstance(node.get(name), kind)}
