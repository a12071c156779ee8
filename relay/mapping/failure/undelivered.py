"""What an agent and a customer read when something of the agent's does not get through. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, assert_never
from urllib.parse import urlsplit

from relay.mapping.content.readers import EXCERPT
from relay.mapping.content.remembered import words_of
from relay.mapping.event.events import KitContext, derived_id, make_body
from relay.mapping.text.language import heading, say, speaking, to_customer
from relay.mapping.text.text import clean, shorten, split
from relay.model import Accepted, Client, Draft, Note
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

_MAX_TEXT: Final = 4096  #: UTF-16 units (https://core.telegram.org/bots/api#sendmessage).
_LONGEST_URL: Final = 2048  #: Characters; a longer one is no link that anybody would press.
#: Before Telegram's words: that it is Telegram who speaks, and in which mood.
_SAYS: Final = re.compile(r"^((Telegram|Forbidden|Bad Request|Error):\s*)+", re.IGNORECASE)
#: What a file's server answered, as `relay.telegram.download` puts it.
_STATUS: Final = re.compile(r"answered (\d{3})")
#: Reasons for which the file may still be had where it lies.
_STILL_THERE: Final = frozenset({"file_too_large", "refused_content", "other"})
#: Names that mean something inside a network only.
_INSIDE: Final = re.compile(
    r"(?:^|\.)(?:internal|local|localhost|localdomain|corp|lan|home|home\.arpa|intranet|private)$"
)
#: A last part like this makes the whole host an IPv4 address, however it is spelt: https://url.spec.whatwg.org/#host-parsing
_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")


def note_of(
    context: KitContext, mark: str, steps: Sequence[Step], why: str, reason: str, *, unreachable: bool = False
) -> Note:
    """The note that these steps did not get through. `mark` sets it apart from all others of the channel.

    It names the message by its first words or its file's name, and says why in the agents' language. While no
    conversation is open there is none: it would begin one, and wake somebody for it. That the customer is `unreachable`
    is told once in a conversation.
    """

    def note(client: Client) -> Accepted | None:
        if not client.open or (unreachable and client.unreachable_told):
            return None
        with speaking(context.language):
            words = next((words for step in steps for words in words_of(step)), "")
            told = replace(client, unreachable_told=True) if unreachable else None
            return Accepted(draft_note(context, client, mark, words, _reason(why, reason)), told)

    return note


def note_of_file(  # noqa: PLR0913 - what is known of it
    context: KitContext, mark: str, step: Step, why: str, reason: str, *, has_words: bool, is_late: bool = False
) -> Note:
    """The note that a file (or an album) did not get through; `has_words`: what the agent wrote beside it does.

    Of a late one it may begin a conversation: its agent was told that it would come, and an answer is missing.
    """

    def note(client: Client) -> Accepted | None:
        if not client.open and not is_late:
            return None
        with speaking(context.language):
            names = ", ".join(item.name for item in _files(step))
            line = "note.file_lost_alone" if has_words else "note.file_lost"
            text = say(line, name=shorten(names, EXCERPT), reason=_reason(why, reason))
            return Accepted(_draft(context, client, mark, text))

    return note


def note_of_late_file(context: KitContext, mark: str, file: SendFile, minutes: int) -> Note:
    """The note that a file comes later, if its server gives it within so many minutes."""

    def note(client: Client) -> Accepted | None:
        if not client.open:
            return None
        with speaking(context.language):
            why, reason = file.late or ("file_no_answer", "")
            name = shorten(file.name, EXCERPT)
            text = say("note.file_late", name=name, reason=_reason(why, reason), minutes=minutes)
            return Accepted(_draft(context, client, mark, text))

    return note


def note_of_wait(context: KitContext, mark: str, until: str) -> Note:
    """The note that Telegram lets nothing through to a customer until then (a time of day, UTC)."""

    def note(client: Client) -> Accepted | None:
        if not client.open:
            return None
        with speaking(context.language):
            return Accepted(_draft(context, client, mark, say("note.told_to_wait", time=until)))

    return note


def _reason(why: str, reason: str) -> str:
    """Why, in the language that is spoken."""
    match why:
        case "other":
            return say("reason.other", words=shorten(_SAYS.sub("", clean(reason)), EXCERPT))
        case "file_status" if status := _STATUS.search(reason):
            return say("reason.file_status", words=status[1])
        case "file_status":
            return say("reason.file_no_answer")
        case _:
            return say(f"reason.{why}")


def draft_note(context: KitContext, client: Client, mark: str, words: str, reason: str) -> Draft:
    """The note itself, in the language that is spoken."""
    said = say("note.undelivered", words=shorten(words, EXCERPT) or heading("message"), reason=reason)
    return _draft(context, client, mark, said)


def _draft(context: KitContext, client: Client, mark: str, text: str) -> Draft:
    event_id = derived_id(f"{context.channel}:undelivered:{mark}")
    return Draft("to_kit", client.client_id, make_body(context, client, event_id, f"{mark}.note", text, []))


def instead_of(step: Step, why: str, language: str, *, file_is_public: bool = False) -> tuple[tuple[Step, ...], Step]:
    """What the customer gets in the place of a step that cannot be done, and what of the step is lost.

    The words under a file are the agent's answer, and do not die with it. Behind them the customer reads where the file
    is, if everybody can have it there (`file_is_public`) and the reason is its own, which in an album nobody can tell;
    or that it could not be passed on. Nothing stands in for words, places and contacts. A step that may have
    arrived is not followed by its own words.
    """
    files = _files(step)
    if not files or why == "uncertain":
        return (), step
    captions = [item.caption for item in files if item.caption]
    by_link = file_is_public and isinstance(step, SendFile) and why in _STILL_THERE
    lines = [_line(item, language, by_link=by_link) for item in files]
    parts = split("\n\n".join([*captions, "\n".join(lines)]), _MAX_TEXT)
    markup = step.reply_markup if isinstance(step, SendFile) else None
    texts = [*(SendText(part) for part in parts[:-1]), SendText(parts[-1], markup)]
    bare = tuple(SendFile(item.kind, item.url, item.name) for item in files)
    return tuple(texts), SendAlbum(bare) if isinstance(step, SendAlbum) else bare[0]


def _files(step: Step) -> tuple[SendFile, ...]:
    match step:
        case SendFile():
            return (step,)
        case SendAlbum():
            return step.items
        case SendText() | SendLocation() | SendVenue() | SendContact() | EditText() | MarkRead() | LeaveChat():
            return ()
        case _:
            assert_never(step)


def _line(item: SendFile, language: str, *, by_link: bool) -> str:
    if by_link and _is_for_customers(item.url):
        return to_customer(language, "customer.file_link", name=item.name, url=item.url)
    return to_customer(language, "customer.file_failed", name=item.name)


def _is_for_customers(url: str) -> bool:
    """Whether a customer may be given the link: https, to a host with a public name, without credentials."""
    try:
        parts = urlsplit(url)
        # As a browser reads it, which takes full-width letters and ideographic full stops for the plain ones.
        host = unicodedata.normalize("NFKC", parts.hostname or "").replace("\u3002", ".").lower().rstrip(".")
    except ValueError:
        return False
    if parts.scheme != "https" or parts.username is not None or len(url) > _LONGEST_URL:
        return False
    return "." in host and not set(host) & set(":%") and not _INSIDE.search(host) and not _NUMBER.search(host)
