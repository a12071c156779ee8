"""What the relay itself says to a customer who wrote, in the customer's language. Pure.

It goes out as a delivery of its own, accepted in the same transaction as the message that it answers: so it is said
once, however often Telegram repeats the message.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeGuard

from telegram import Message, Update

from relay.mapping.content.commands import PHONE, START, command_of
from relay.mapping.content.content import Content
from relay.mapping.content.readers import read_content
from relay.mapping.content.remembered import mark_of
from relay.mapping.event.albums import told_of_large
from relay.mapping.event.events import KitContext, Origin, large_files
from relay.mapping.event.origins import origin_of
from relay.mapping.text.language import to_customer
from relay.mapping.to_kit.messages import HELD_START
from relay.model import Accepted, Client, Declined, Draft, Known, Outcome
from relay.steps import SendText, dump_steps

MapMessage = Callable[[Update, Message, KitContext, Known], Outcome]

_NO_KEYBOARD: Final = {"remove_keyboard": True}


def answering(map_message: MapMessage, *, edits: bool = False) -> MapMessage:
    """The same mapping of new messages, or of edited ones, and what the customer is told beside it."""
    answers = _answers_to_edit if edits else _answers

    def map_and_answer(update: Update, message: Message, context: KitContext, known: Known) -> Outcome:
        outcome = map_message(update, message, context, known)
        if not _may_be_answered(outcome) or outcome.client is None or _is_own(update, message, context):
            return outcome
        steps = list(answers(message, context, outcome.client, known))
        if not steps:
            return outcome
        answer = Draft("to_telegram", outcome.client.client_id, dump_steps(steps))
        return replace(outcome, more=(*outcome.more, answer))

    return map_and_answer


def _may_be_answered(outcome: Outcome) -> TypeGuard[Accepted | Declined]:
    """Agents hear of it; or it is a Start, and they will when words follow."""
    return isinstance(outcome, Accepted) or (isinstance(outcome, Declined) and outcome.counted == HELD_START)


def _is_own(update: Update, message: Message, context: KitContext) -> bool:
    """Whether a Business account or a channel says it itself, past the bot."""
    origin = origin_of(update, message, context.owners)
    return isinstance(origin, Origin) and origin.own


def _answers(message: Message, context: KitContext, client: Client, known: Known) -> Iterator[SendText]:
    # Of an album it is said once: its first large file stands for the others.
    if not message.text and not (known.album is not None and told_of_large(known.album)):
        yield from _too_large(read_content(message), context, client.language)
    command = command_of(message)
    name = None if command is None else command.name
    if name == START and context.greets and not known.is_open:
        lines = (to_customer(client.language, key) for key in ("customer.greeting", "customer.privacy"))
        yield SendText("\n\n".join(lines))
    if context.ask_phone == "off" or not _takes_keyboards(client):
        return
    if message.contact is not None:
        yield from _thanks(client, known.client)
    elif name == PHONE or (name == START and context.ask_phone == "start" and not _phone(client)):
        yield SendText(to_customer(client.language, "customer.share_phone_prompt"), _keyboard(client.language))


def _thanks(client: Client, before: Client | None) -> Iterator[SendText]:
    """For a phone number that is new."""
    number = _phone(client)
    if number and number != _phone(before):
        yield SendText(to_customer(client.language, "customer.share_phone_thanks"), _NO_KEYBOARD)


def _answers_to_edit(message: Message, context: KitContext, client: Client, known: Known) -> Iterator[SendText]:
    """A file that came in the place of another is news; one that stays while its words change is not."""
    old = known.said.get(message.message_id)
    if old is None or message.text:
        return
    content = read_content(message)
    if old.mark != mark_of(content):
        yield from _too_large(content, context, client.language)


def _too_large(content: Content, context: KitContext, language: str) -> Iterator[SendText]:
    for item in large_files(context, content):
        megabytes = (item.size or 0) / 2**20
        yield SendText(to_customer(language, "customer.too_large", name=item.name, megabytes=megabytes))


def _takes_keyboards(client: Client) -> bool:
    """Whether keys can be shown: only in the customer's own chat with the bot."""
    address = client.address
    return address.business_connection_id is None and address.direct_messages_topic_id is None


def _phone(client: Client | None) -> object:
    return client.profile.get("client_phone") if client is not None else None


def _keyboard(language: str) -> dict[str, Any]:
    """One key, which Telegram itself asks about before it shares the number. It goes once it was pressed."""
    key = {"text": to_customer(language, "customer.share_phone_button"), "request_contact": True}
    return {"keyboard": [[key]], "resize_keyboard": True, "one_time_keyboard": True}
