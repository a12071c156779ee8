"""What is remembered of a message, for edits, replies, reactions and deletions to refer to. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

from relay.mapping.content.content import Content, File
from relay.mapping.text.language import heading, speaking
from relay.mapping.text.text import join
from relay.model import Author, Said, is_id
from relay.steps import (
    EditText,
    LeaveChat,
    MarkRead,
    SendAlbum,
    SendContact,
    SendFile,
    SendLocation,
    SendText,
    SendVenue,
    Step,
)


def own_words(content: Content, forms: Mapping[str, str]) -> str:
    """The words of a message, else the kind and the name of the file that it holds, as agents see it.

    The name tells apart three photos of one minute. `forms` is what this installation can convert.
    """
    if content.text.strip():
        return content.text
    for item in content.items:
        if isinstance(item, File):
            return heading(item.noun, item.shown_name(forms))
    return heading("message")


def said_in_chat(message_id: object, content: Content, author: Author, forms: Mapping[str, str]) -> tuple[Said, ...]:
    """What a message that was not sent by us says; nothing if its id is none that Telegram can have given."""
    if not is_id(message_id) or not message_id:  # messages that vanish all have the id 0
        return ()
    return (Said(message_id, author, own_words(content, forms), mark_of(content)),)


def mark_of(content: Content) -> str:
    """What sets the files of a message apart from others, whatever its words are."""
    return " ".join([item.unique_id for item in content.items if isinstance(item, File)])


def said_by_agent(step: Step, ids: Sequence[int], language: str) -> tuple[Said, ...]:
    """What a step has told the customer, in messages of these ids; `language` is the agents'."""
    with speaking(language):
        return tuple(Said(number, "agent", words) for number, words in zip(ids, words_of(step), strict=False))


def words_of(step: Step) -> Iterator[str]:
    """The words of each message that a step makes, or the name of what it brings."""
    match step:
        case SendText(text) | EditText(_, text):
            yield text
        case SendFile(kind="document" | "any"):
            yield step.caption or heading("document", step.name)
        case SendFile():
            yield step.caption or heading(step.kind, step.name)
        case SendAlbum(items):
            for item in items:
                yield from words_of(item)
        case SendContact():
            yield heading("contact", join(" ", step.first_name, step.last_name))
        case SendVenue():
            yield heading("venue", step.address)
        case SendLocation():
            yield heading("location")
        case MarkRead() | LeaveChat():
            return  # nobody reads anything of it
        case _:
            assert_never(step)
