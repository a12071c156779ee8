"""Commands to the bot: Telegram's button Start with the parameter of a deep link, and the one for the phone. Pure.

https://core.telegram.org/bots/features#commands
"""

from dataclasses import dataclass
from typing import Final

from telegram import Message, MessageEntity

from relay.mapping.content.campaigns import foreign, in_words, is_code, is_payload, unpack
from relay.mapping.content.content import Content
from relay.mapping.text.language import say
from relay.mapping.text.text import clean
from relay.model import Known

START: Final = "start"
PHONE: Final = "phone"


@dataclass(frozen=True, slots=True)
class Command:
    """What a message asks of the bot itself."""

    name: str  #: In lower case, without the slash and the bot's name.
    rest: str  #: The words behind it.


def command_of(message: Message) -> Command | None:
    """The command that the message is, None for every other message; `/start@the_bot spring` is one too."""
    first = message.entities[0] if message.entities else None
    if first is None or first.type != MessageEntity.BOT_COMMAND or first.offset != 0 or not message.text:
        return None
    if message.forward_origin is not None or message.via_bot is not None:
        return None  # somebody else's words
    if message.business_connection_id is not None:
        return None  # written to a person, not to the bot
    head, _, rest = clean(message.text).partition(" ")
    return Command(head.removeprefix("/").partition("@")[0].lower(), rest.strip())


def link_of(message: Message) -> str | None:
    """The code of a deep link that the database has to resolve; None if there is none."""
    command = command_of(message)
    return command.rest if command is not None and command.name == START and is_code(command.rest) else None


def read_start(message: Message, known: Known) -> Content | None:
    """The button Start, and where its link came from; None for every other message."""
    command = command_of(message)
    if command is None or command.name != START or (command.rest and not is_payload(command.rest)):
        return None
    if not command.rest:
        return Content(say("started"))
    touch = known.touch or unpack(command.rest) or foreign(command.rest)
    words = say("started_from", parameter=in_words(touch))
    first = known.client.first_touch if known.client is not None else {}
    if first and first != touch:
        words = f"{words}\n{say('first_came_from', parameter=in_words(first))}"
    return Content(words, touch=touch)
