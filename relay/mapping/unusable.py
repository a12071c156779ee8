"""The note to the agent about what Kit sent in a form of which nothing can be made. Pure.

It goes out beside whatever else follows from the event, in the same transaction, so an event that comes again brings no
second one. While no conversation is open there is none: it would begin one.
"""

from collections.abc import Iterator
from dataclasses import replace

from relay.kit.models import MEDIA_KINDS, Event, OtherItem, SendMessageEvent
from relay.mapping.events import KitContext
from relay.mapping.text import clean
from relay.mapping.undelivered import draft_note
from relay.mapping.words import heading, say, speaking
from relay.model import Accepted, Declined, Known, Outcome, Unreadable

#: Of these an agent or a function meant the customer to see something. Other types are meant for other channels.
_MEANT = MEDIA_KINDS | {"location", "contact", "untyped"}


def tell_skipped(outcome: Outcome, event: Event, context: KitContext, known: Known) -> Outcome:
    """The outcome of an event, and a note if something in it is not shown to the customer."""
    if not isinstance(event, SendMessageEvent) or event.event_data.message is None:
        return outcome
    message = event.event_data.message
    kinds = [item.type for item in message.payload or [] if isinstance(item, OtherItem)]
    nothing = isinstance(outcome, Declined) and bool(message.payload)
    if not nothing and _MEANT.isdisjoint(kinds):
        return outcome
    with speaking(context.language):
        return _with_note(outcome, event.event_id, " ".join(_headings(kinds)), context, known)


def tell_unfit(outcome: Unreadable, event_id: str, words: str, context: KitContext, known: Known) -> Outcome:
    """The outcome of an event that does not fit, and a note that quotes its words, if any could be read."""
    with speaking(context.language):
        return _with_note(outcome, event_id, clean(words).strip(), context, known)


def _headings(kinds: list[str]) -> Iterator[str]:
    for kind in dict.fromkeys(kinds):
        if kind in _MEANT:
            yield heading("document" if kind == "untyped" else kind)


def _with_note(outcome: Outcome, event_id: str, words: str, context: KitContext, known: Known) -> Outcome:
    if known.client is None or not known.client.open:
        return outcome
    note = draft_note(context, known.client, f"{event_id}.unusable", words, say("reason.unusable"))
    more = (*outcome.more, note)
    if isinstance(outcome, Accepted):
        return replace(outcome, more=more)
    return replace(outcome, more=more)
