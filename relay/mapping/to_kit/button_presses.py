"""Presses of buttons under messages, as the customer's words; those of our own, for stars, are kept here. Pure.

That a press has arrived is told to Telegram elsewhere, at once: see `relay.presses`.
https://core.telegram.org/bots/api#callbackquery
"""

from collections.abc import Iterator

from telegram import CallbackQuery, MaybeInaccessibleMessage, Message, Update

from relay.mapping.content.content import Content
from relay.mapping.content.loose import raw_of
from relay.mapping.content.rich_text import DEEPEST, inline
from relay.mapping.event.clients import sender_of
from relay.mapping.event.events import KitContext, Origin, ids_of, make_event
from relay.mapping.event.origins import Owners, place_of, why_not
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean
from relay.mapping.to_telegram.closings import map_rating, rating_in
from relay.model import Declined, Known, Outcome, Wants

_LONGEST_LABEL = 256  #: Characters; Telegram's own are shorter.


def press_wants(query: CallbackQuery, owners: Owners) -> Wants:
    """What mapping a press needs to know."""
    if query.message is None or not query.message.chat:
        return Wants()
    rating = rating_in(query)
    return Wants(
        place_of(query.message, query.from_user, owners).client_id, rating=None if rating is None else rating.id
    )


def map_press(update: Update, query: CallbackQuery, context: KitContext, known: Known) -> Outcome:
    """A button that was pressed. Who pressed it says its label, not who wrote the message."""
    message, sender = query.message, query.from_user
    if message is None:
        return Declined("a button under an inline message, and the bot sends none")
    if not message.chat:
        return Declined("a button under a message in nobody's chat")
    place = place_of(message, sender, context.owners)
    if declined := why_not(message.chat, place, sender):
        return declined
    if sender.id != place.customer.id:
        return Declined("pressed by the account itself")
    if (rating := rating_in(query)) is not None:
        return map_rating(query, rating, known)
    # An old message is named without its thread; the customer is answered where they were.
    address = place.address if message.is_accessible or known.client is None else known.client.address
    origin = Origin(update.update_id, message.message_id, sender_of(sender), place.client_id, address)
    return make_event(context, origin, Content(_words(query, message)), known, ids=ids_of(context, origin, "press"))


def _words(query: CallbackQuery, message: MaybeInaccessibleMessage) -> str:
    """What stands on the button, as far as it is known: else what it means to whoever made it."""
    if query.game_short_name:
        return say("pressed", label=heading("game", clean(query.game_short_name).strip()[:_LONGEST_LABEL]))
    data = clean(query.data)
    if not data.strip():
        return say("pressed", label=heading("button"))
    if (
        not isinstance(message, Message) or not message.is_accessible
    ):  # an old one, of which Telegram does not say what buttons it has
        return say("pressed", label=data.strip()[:_LONGEST_LABEL])
    label = next(filter(None, _labels([raw_of(message.reply_markup), dict(message.api_kwargs)], data)), "")
    if label:
        return say("pressed", label=label[:_LONGEST_LABEL])
    return say("pressed_unknown", label=data.strip()[:_LONGEST_LABEL])


def _labels(node: object, data: str, depth: int = 0) -> Iterator[str]:
    """The labels of the buttons that send this, wherever they stand: rich messages have some in the text."""
    if depth > DEEPEST:
        return
    if isinstance(node, dict):
        if node.get("callback_data") == data:
            yield inline(node.get("text")).strip() or data.strip()
        node = list(node.values())
    if isinstance(node, list | tuple):
        for each in node:
            yield from _labels(each, data, depth + 1)
