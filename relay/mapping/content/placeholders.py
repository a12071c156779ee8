"""A named placeholder for each kind of message that has no reader of its own, so that no message is silent. Pure."""

from telegram import Message

from relay.mapping.content.kinds import KINDS, new_fields
from relay.mapping.content.service_messages import WORDS
from relay.mapping.content.walker import walk
from relay.mapping.text.language import heading, say
from relay.mapping.text.tolerant import tried


def describe(message: Message) -> str | None:
    """The kind of the message's content in square brackets, and its words if it has some: `[dice] 🎯 6`.

    None for a kind that nobody knows here.
    """
    for kind in KINDS:
        value = getattr(message, kind, None)
        if value:
            return heading(kind, (tried(WORDS[kind], value) if kind in WORDS else None) or "")
    return None


def describe_new(message: Message, words: str) -> str:
    """The same for what Telegram has invented since: the name of the field that says most, and all the words."""
    fields = list(new_fields(message))
    telling = [name for name, value in fields if (found := walk([(name, value)])).lines or found.items]
    shaped = [name for name, value in fields if isinstance(value, dict | list) or value is True]
    names = (*telling, *shaped, *(name for name, _ in fields))
    return heading(names[0] if names else say("empty"), words)
