"""Presses of buttons under messages, as the customer's words; those of our own, for stars, are kept here. Pure.

That a press has arrived is told to Telegram elsewhere, at once: see `relay.presses`.
https://core.telegram.org/bots/api#callbackquery
"""

from collections.abc import Iterator

from telegram import CallbackQuery, InlineKeyboardMarkup, MaybeInaccessibleMessage, Message, Update

from relay.mapping.content.content import Content
from relay.mapping.event.events import KitContext, Origin, make_event
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
    address = place.address if isinstance(message, Message) or known.client is None else known.client.address
    origin = Origin(update.update_id, message.message_id, sender, place.client_id, address)
    return make_event(context, origin, Content(say("pressed", label=_label(query, message))), known, again="press")


def _label(query: CallbackQuery, message: MaybeInaccessibleMessage) -> str:
    """What stands on the button, as far as it is known: else what it means to whoever made it."""
    if query.game_short_name:
        return heading("game", clean(query.game_short_name).strip()[:_LONGEST_LABEL])
    data = clean(query.data)
    markup = message.reply_markup if isinstance(message, Message) else None
    labels = (clean(text).strip() for text in _texts(markup, data)) if data else iter(())
    return (next(filter(None, labels), "") or data.strip())[:_LONGEST_LABEL] or heading("button")


def _texts(markup: InlineKeyboardMarkup | None, data: str) -> Iterator[str]:
    for row in markup.inline_keyboard if markup is not None else ():
        yield from (button.text for button in row if button.callback_data == data)
