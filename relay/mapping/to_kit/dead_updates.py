"""What is told of an update that became a dead letter: the agent hears that something is missing, and of whom. Pure.

Whose it is is read from the raw update, past everything that says what it holds: there the fault may be.
"""

from collections.abc import Iterator
from typing import Any, Final

from telegram import Update

from relay.mapping.content.kinds import HAPPENINGS
from relay.mapping.event.clients import meet
from relay.mapping.event.events import STRANGER, KitContext, Origin
from relay.mapping.event.origins import origin_of
from relay.mapping.failure.lost import draft_loss, text_part
from relay.mapping.text.language import noun, speaking
from relay.mapping.to_kit.bare import MESSAGES, bare_message, kind_of
from relay.model import Accepted, Known, Wants

Raw = dict[str, Any]

#: Fields of an update by which a customer answers what was said in a conversation that is open.
_ANSWERS: Final = ("callback_query", "message_reaction")
#: What stands beside a button and is not of who pressed it.
_NOT_THE_PRESSERS: Final = frozenset({"date", "sender_business_bot", "sender_chat"})


def wants_of_dead(raw: Raw, context: KitContext) -> Wants:
    """What telling of it needs to know: whose it is, if that can be read."""
    origin = _origin(raw, context)
    return Wants() if origin is None else Wants(origin.client_id)


def tell_dead(raw: Raw, context: KitContext, number: int, now: float, known: Known = STRANGER) -> Accepted | None:
    """The note that this update, now the dead letter of this number, is missing; None if nobody misses it.

    It meets the customer, as the message itself would have: an agent can answer the note.
    """
    with speaking(context.language):
        origin = _origin(raw, context)
        if origin is None or not (known.is_open or _opens(raw, origin)):
            return None
        client = meet(origin.client_id, origin.address, origin.sender, known.client)
        what = ", ".join(_parts(raw))
        draft = draft_loss(context, client, f"{number}.0", what, origin.written_at or now, number)
    return Accepted(draft, None if known.is_open else client)


def _origin(raw: Raw, context: KitContext) -> Origin | None:
    """Where it comes from; None if it is no customer's."""
    said = next((said for field in (*MESSAGES, *_ANSWERS) if (said := _as_message(field, raw.get(field)))), None)
    bare = None if said is None else bare_message(said)
    if bare is None:
        return None
    update = Update.de_json({"update_id": raw["update_id"], "message": bare}, None)
    if update.message is None:
        return None
    origin = origin_of(update, update.message, context.owners)
    return origin if isinstance(origin, Origin) else None


def _as_message(field: str, value: object) -> Raw | None:
    """What happened, as if it had been said: by whom, where, and when."""
    if not isinstance(value, dict):
        return None
    if field == "callback_query":
        message = value.get("message")
        place = message if isinstance(message, dict) else {}
        kept = {name: place[name] for name in place if name not in _NOT_THE_PRESSERS}
        return {**kept, "from": value.get("from")}
    if field == "message_reaction":
        return {**value, "from": value.get("user")}
    return {**value, "date": value.get("edit_date", value.get("date"))}


def _said(raw: Raw) -> Raw | None:
    """The message in it, new or edited; None if nobody said anything."""
    return next((raw[field] for field in MESSAGES if isinstance(raw.get(field), dict)), None)


def _opens(raw: Raw, origin: Origin) -> bool:
    """Whether it would have begun a conversation."""
    said = _said(raw)
    return said is not None and not origin.own and kind_of(said) not in HAPPENINGS


def _parts(raw: Raw) -> Iterator[str]:
    """What kind of thing it is, and the length of its words."""
    said = _said(raw)
    if said is None:
        yield noun("button" if "callback_query" in raw else "reaction")
        return
    kind = kind_of(said)
    words = said.get("text") or said.get("caption")
    if kind != "text" or not isinstance(words, str):
        yield noun(kind)
    if isinstance(words, str):
        yield text_part(words)
