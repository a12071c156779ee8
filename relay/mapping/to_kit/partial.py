"""An update that python-telegram-bot refuses, read as far as it goes: what a customer said must not wait for a release.

Each field that it takes is parsed as ever. What it refuses is read from the raw update by the same readers; where even
they find nothing, the words alone are left. Pure.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from telegram import CallbackQuery, Message, Update

from relay.mapping.content.kinds import KINDS
from relay.mapping.content.loose import loose
from relay.mapping.content.media import caption
from relay.mapping.content.readers import read_content
from relay.mapping.content.walker import walk
from relay.mapping.event.events import KitContext
from relay.mapping.text.language import heading, say, speaking
from relay.mapping.text.text import clean, join
from relay.mapping.to_kit.bare import FRAME, MESSAGES, bare_blocking, bare_message, bare_press, bare_reaction, kind_of
from relay.mapping.to_kit.not_carried import REASONS
from relay.mapping.to_kit.updates import read
from relay.model import Declined, Known, Outcome, Reading

Raw = dict[str, Any]

_INNER_MESSAGES: Final = frozenset({"reply_to_message", "pinned_message"})
_ENTITIES: Final = frozenset({"entities", "caption_entities"})
_PLACED: Final = frozenset({"type", "offset", "length"})
_DEEPEST: Final = 8  #: Messages within messages; Telegram's own go one level down.
_SLOTS: Final = frozenset(Message.__slots__)

#: Makes an update of what is left; None when nothing is. Raises whatever python-telegram-bot raises.
_Rest = Callable[[], Update | None]


def read_in_part(raw: Mapping[str, Any], context: KitContext) -> Reading | None:
    """What can be read of an update that python-telegram-bot refuses; None when not even whose it is. Never raises."""
    with speaking(context.language):
        readings = [reading for rest in _rests(raw) if (reading := _tried(rest, context)) is not None]
    if readings:
        return Reading(lambda known: _decide(readings, known), readings[0].wants)
    field = next((field for field in REASONS if isinstance(raw.get(field), dict)), None)
    if field is None:
        return None
    declined = Declined(f"{field}: {REASONS[field]}")
    return Reading(lambda _: declined)


def _tried(rest: _Rest, context: KitContext) -> Reading | None:
    try:
        update = rest()
        return None if update is None else read(update, context)
    except Exception:  # noqa: BLE001 - python-telegram-bot raises whatever its constructors do
        return None


def _decide(readings: list[Reading], known: Known) -> Outcome:
    """What the fullest of the readings says that can be mapped."""
    *full, last = readings
    for reading in full:
        try:
            return reading.decide(known)
        except Exception:  # noqa: BLE001, S112 - a value that no reader expects; the next reading has less of them
            continue
    return last.decide(known)


def _rests(raw: Mapping[str, Any]) -> Iterator[_Rest]:
    """What is left of an update: less and less."""
    for field in MESSAGES:
        message = raw.get(field)
        if isinstance(message, dict):
            yield partial(_patched_update, raw["update_id"], field, message)
            yield partial(_worded_update, raw["update_id"], field, message)
    for field, bare_of in _OTHERS.items():
        other = raw.get(field)
        if isinstance(other, dict):
            yield partial(_bare_update, raw["update_id"], field, bare_of, other)


def _patched_update(number: int, field: str, raw: Raw) -> Update | None:
    """An update with its message, in which nothing is left out."""
    message = _patched(raw)
    if message is None:
        return None
    update = Update(number)
    _put(update, field, message)
    return update


def _patched(raw: Raw, depth: int = 0) -> Message | None:
    """The message: what is refused of it stands in it raw. None when its chat is nobody's."""
    bare = bare_message(raw)
    if bare is None or depth > _DEEPEST:
        return None
    kept, refused = dict(bare), dict[str, object]()
    for name in (name for name in raw if name not in FRAME):
        value = _sound(raw[name]) if name in _ENTITIES else raw[name]
        fit = _is_taken(bare, name, value)
        (kept if fit or name not in _SLOTS else refused)[name] = value
    message = Message.de_json(kept, None)
    for name, value in refused.items():
        if name in _INNER_MESSAGES and isinstance(value, dict):
            _put(message, name, _patched(value, depth + 1))
        else:
            _put(message, name, loose(value))
    _say_what_is_lost(message, [kind for kind in KINDS if kind in refused])
    return message


def _sound(entities: object) -> list[object]:
    """Those of the entities that say where they are: readers count on as much."""
    if not isinstance(entities, list):
        return []
    return [each for each in entities if isinstance(each, dict) and each.keys() >= _PLACED]


def _is_taken(bare: Raw, name: str, value: object) -> bool:
    try:
        Message.de_json({"message_id": 0, "date": 1, "chat": bare["chat"], name: value}, None)
    except Exception:  # noqa: BLE001 - it raises whatever its constructors do
        return False
    return True


def _put(message: object, name: str, value: object) -> None:
    """Put a value into an object of python-telegram-bot's, which would neither parse it nor let anybody change it."""
    object.__setattr__(message, name, value)


def _say_what_is_lost(message: Message, refused: list[str]) -> None:
    """Where nobody finds anything in what was refused: say that there was something."""
    if not refused or message.text:
        return
    content = read_content(message)
    bare = content.text.removesuffix(caption(message)).strip() in {"", heading(refused[0])}
    if bare and not content.items:
        _put(message, "text", f"{heading(refused[0])}\n{say('read_in_part')}")


def _worded_update(number: int, field: str, raw: Raw) -> Update | None:
    """An update with its words alone, and all that says whose they are."""
    bare = bare_message(raw)
    return None if bare is None else Update.de_json({"update_id": number, field: {**bare, "text": _words(raw)}}, None)


def _words(message: Raw) -> str:
    """The text; of any other content its kind, every text in it, and that there may have been more."""
    if clean(message.get("text")).strip():
        return clean(message["text"])
    kind = kind_of(message)
    found = walk([(kind, message.get(kind))]).text
    return join("\n", heading(kind, found), message.get("caption"), say("read_in_part"))


def _bare_update(number: int, field: str, bare_of: Callable[[Raw], Raw | None], raw: Raw) -> Update | None:
    """An update about something else, without what cannot be read of it."""
    bare = bare_of(raw)
    if bare is None:
        return None
    update = Update.de_json({"update_id": number, field: bare}, None)
    if isinstance(update.callback_query, CallbackQuery):
        _put(update.callback_query, "message", _patched(raw["message"]))
    return update


#: What else customers do, and how it is told without what cannot be read.
_OTHERS: Final = {
    "callback_query": bare_press,
    "message_reaction": bare_reaction,
    "my_chat_member": bare_blocking,
}
