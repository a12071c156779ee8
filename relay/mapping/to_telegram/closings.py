"""What a customer is told, and asked, when a conversation was closed; and the stars that they answer with. Pure.

A rating stays with the relay: to send it to Kit would open the conversation again.
"""

import re
from dataclasses import replace
from typing import Final
from uuid import uuid5

from telegram import CallbackQuery

from relay.kit.events import CloseConversationEvent
from relay.mapping.event.events import RELAY_NAMESPACE
from relay.mapping.text.language import to_customer
from relay.model import Accepted, Client, Declined, Draft, Known, Outcome, Rating
from relay.steps import EditText, SendText, Step, dump_steps

STAR: Final = "\u2b50"
MOST_STARS: Final = 5

#: What our buttons mean: which question, how many stars. It fits Telegram's 64 bytes.
_DATA: Final = re.compile(r"rate:([0-9a-f]{32}):([1-5])", re.ASCII)
_TEXTS: Final = {
    "CLOSED_BY_AGENT": "customer.closed_by_agent",
    "CLOSED_BY_BOT": "customer.closed_by_bot",
    "CLOSED_BY_CLIENT_TIMEOUT": "customer.closed_by_timeout",
}


def map_closing(event: CloseConversationEvent, known: Known, channel: str, *, says_so: bool, asks: bool) -> Outcome:
    """The client's conversation is closed now. If it was open, they may be told so, and asked for stars."""
    client = known.client
    if client is None:
        return Declined("conversation closed: nothing to send")
    closed = replace(client, open=False, unreachable_told=False)
    if not client.open or client.unreachable is not None or not (says_so or asks):
        return Declined("conversation closed: nothing to send", closed)
    steps: list[Step] = []
    if says_so:
        steps.append(SendText(to_customer(client.language, _TEXTS.get(event.reason, "customer.closed_unknown"))))
    rating = Rating(uuid5(RELAY_NAMESPACE, f"{channel}:rating:{event.event_id}").hex) if asks else None
    if rating is not None:
        steps.append(_question(client, rating))
    return Accepted(Draft("to_telegram", client.client_id, dump_steps(steps)), closed, rating=rating)


def _question(client: Client, rating: Rating) -> SendText:
    stars = [
        {"text": f"{count} {STAR}", "callback_data": f"rate:{rating.id}:{count}"} for count in range(1, MOST_STARS + 1)
    ]
    return SendText(to_customer(client.language, "customer.rate_prompt"), {"inline_keyboard": [stars]})


def rating_in(query: CallbackQuery) -> Rating | None:
    """What a pressed button says, if it is one of ours under a question for stars."""
    found = _DATA.fullmatch(query.data) if isinstance(query.data, str) else None
    return None if found is None else Rating(found[1], int(found[2]))


def map_rating(query: CallbackQuery, rating: Rating, known: Known) -> Outcome:
    """The customer's stars: kept once, with thanks in the question's place, so that its buttons are gone."""
    if known.client is None or known.rating is None or query.message is None:
        return Declined("a rating for which this customer was not asked")
    if known.rating.stars is not None:
        return Declined("rated already")
    thanks = to_customer(known.client.language, "customer.rate_thanks")
    step = EditText(query.message.message_id, f"{STAR * (rating.stars or 0)}\n{thanks}")
    return Accepted(Draft("to_telegram", known.client.client_id, dump_steps([step])), rating=rating)
