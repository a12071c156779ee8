"""What is remembered of a message, for edits, replies, reactions and deletions to refer to. Pure."""

from collections.abc import Iterator, Sequence

from relay.mapping.text import join
from relay.mapping.words import heading, speaking
from relay.model import Said
from relay.steps import SendAlbum, SendContact, SendFile, SendText, SendVenue, Step


def said_by_agent(step: Step, ids: Sequence[int], language: str) -> tuple[Said, ...]:
    """What a step has told the customer, in messages of these ids; `language` is the agents'."""
    with speaking(language):
        return tuple(Said(number, "agent", words) for number, words in zip(ids, _words(step), strict=False))


def _words(step: Step) -> Iterator[str]:
    """The words of each message that a step makes, or the name of what it brings."""
    match step:
        case SendText(text):
            yield text
        case SendFile():
            yield step.caption or heading(step.kind, step.name if step.kind == "document" else "")
        case SendAlbum(items):
            for item in items:
                yield from _words(item)
        case SendContact():
            yield heading("contact", join(" ", step.first_name, step.last_name))
        case SendVenue():
            yield heading("venue", step.address)
        case _:
            yield heading("location")
