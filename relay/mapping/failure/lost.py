"""What is told of a delivery to Kit that got no further: the agent, and if even that cannot be, the customer. Pure.

The note to the agent holds nothing of what was refused, so that it is not refused for the same: only what kind of thing
it was, how long, when it was written, and under which number the relay keeps it.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from relay.mapping.event.events import KitContext, derived_id, make_body
from relay.mapping.text.language import noun, say, speaking, to_customer
from relay.model import Accepted, Client, Delivery, Draft, Note
from relay.steps import SendText, dump_steps

#: How message ids end, of what the relay says by itself, and of these notes.
_NOTE: Final = ".note"
_LOST: Final = ".lost"


def note_of_loss(context: KitContext, delivery: Delivery) -> Note:
    """What is told of this delivery, which is to be buried: a note to the agent; of a lost one, a line to the customer.

    That line is said once in a conversation. Of the relay's own notes nothing is said to the customer.
    """
    try:
        message = orjson.loads(delivery.body)["event_data"]["message"]
        message_id = str(message["message_id"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        message, message_id = {}, ""
    if message_id.endswith(_NOTE + _LOST):
        return lambda _: None
    if message_id.endswith(_LOST):
        return _tell_customer
    is_note = message_id.endswith(_NOTE)
    mark = f"{delivery.id}.{delivery.lease}{_NOTE if is_note else ''}"

    def note(client: Client) -> Accepted | None:
        if is_note and not client.open:
            return None
        with speaking(context.language):
            what = noun("note") if is_note else ", ".join(_parts(message)) or noun("message")
            at = delivery.written_at or delivery.accepted_at
            return Accepted(draft_loss(context, client, mark, what, at, delivery.id))

    return note


def draft_loss(context: KitContext, client: Client, mark: str, what: str, at: float, number: int) -> Draft:
    """The note that something of the customer's is missing, written at that Unix time, in the language that is spoken.

    `mark` sets it apart from all others of the channel.
    """
    message_id = f"{mark}{_LOST}"
    event_id = derived_id(f"{context.channel}:{message_id}")
    text = say("note.lost", what=what, time=_time(at), number=number)
    return Draft("to_kit", client.client_id, make_body(context, client, event_id, message_id, text, []))


def text_part(words: str) -> str:
    """What a text is, without a word of it, in the language that is spoken."""
    return f"{noun('text')} ({say('characters', count=len(words))})"


def _tell_customer(client: Client) -> Accepted | None:
    if client.loss_told or client.unreachable is not None:
        return None
    line = SendText(to_customer(client.language, "customer.message_lost"))
    return Accepted(Draft("to_telegram", client.client_id, dump_steps([line])), replace(client, loss_told=True))


def _parts(message: dict[str, Any]) -> Iterator[str]:
    """Its kinds, and the length of its words."""
    for item in message.get("payload", ()):
        yield noun(str(item.get("type")))
    if text := message.get("text"):
        yield text_part(text)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
