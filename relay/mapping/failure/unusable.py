"""The note to the agent about what Kit sent in a form of which nothing can be made, or for nobody. Pure.

It goes out beside whatever else follows from the event, in the same transaction, so an event that comes again brings no
second one. While no conversation is open there is none: it would begin one.
"""

from collections.abc import Iterator
from dataclasses import replace

from relay.kit.events import (
    BUTTONS_FOR_OTHERS,
    FOR_OTHERS,
    UNTYPED,
    Event,
    KeyboardItem,
    SendMessageEvent,
    UnusableItem,
)
from relay.mapping.event.events import KitContext
from relay.mapping.failure.undelivered import draft_note
from relay.mapping.text.language import heading, say, speaking
from relay.mapping.text.text import clean
from relay.mapping.to_telegram.keyboards import keyboard_in, labels_of
from relay.model import Accepted, Address, Client, Draft, Known, Outcome, Unreadable


def tell_skipped(outcome: Outcome, event: Event, context: KitContext, known: Known) -> Outcome:
    """The outcome of an event, and a note if something in it is not shown to the customer."""
    if not isinstance(event, SendMessageEvent) or not event.items:
        return outcome
    with speaking(context.language):
        unusable = list(dict.fromkeys(_unusable(event)))
        buttons = list(_buttons(event, shown=isinstance(outcome, Accepted)))
        if not unusable and not buttons:
            return outcome
        reason = say("reason.unusable" if unusable or isinstance(outcome, Accepted) else "reason.buttons_alone")
        return _with_note(outcome, event.event_id, " ".join([*unusable, *buttons]), reason, context, known)


def tell_unfit(outcome: Unreadable, event_id: str, words: str, context: KitContext, known: Known) -> Outcome:
    """The outcome of an event that does not fit, and a note that quotes its words, if any could be read."""
    with speaking(context.language):
        return _with_note(outcome, event_id, clean(words).strip(), say("reason.unusable"), context, known)


def tell_unknown(event: SendMessageEvent, context: KitContext) -> Draft:
    """The note that this message reaches nobody: no customer of this client id has written to the bot.

    Whoever wrote it has the conversation open, so the note opens none.
    """
    nobody = Client(event.client_id, Address(0))
    with speaking(context.language):
        words = clean(event.text).strip()
        return draft_note(context, nobody, f"{event.event_id}.unknown", words, say("reason.unknown_client"))


def tell_dead_event(
    event: SendMessageEvent, context: KitContext, _number: int, _now: float, known: Known
) -> Accepted | None:
    """The note that this message is a dead letter, since the relay made nothing of it."""
    if known.client is None or not known.client.open:
        return None
    with speaking(context.language):
        words = clean(event.text).strip()
        return Accepted(draft_note(context, known.client, f"{event.event_id}.dead", words, say("reason.bug")))


def _unusable(event: SendMessageEvent) -> Iterator[str]:
    for item in event.items:
        if isinstance(item, UnusableItem) and item.type not in FOR_OTHERS:
            yield heading("document" if item.type == UNTYPED else item.type)


def _buttons(event: SendMessageEvent, *, shown: bool) -> Iterator[str]:
    """The buttons that customers do not see: with nothing to stand under, or none that Telegram would take."""
    keyboards = [item for item in event.items if isinstance(item, KeyboardItem)]
    if shown and (not keyboards or keyboard_in(event.items)[0] is not None):
        return
    for_others = any(isinstance(item, UnusableItem) and item.type in BUTTONS_FOR_OTHERS for item in event.items)
    if keyboards or for_others:
        yield heading("keyboard", ", ".join(label for each in keyboards for label in labels_of(each)))


def _with_note(outcome: Outcome, event_id: str, words: str, reason: str, context: KitContext, known: Known) -> Outcome:
    if known.client is None or not known.client.open:
        return outcome
    note = draft_note(context, known.client, f"{event_id}.unusable", words, reason)
    return replace(outcome, more=(*outcome.more, note))
