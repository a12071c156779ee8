"""What a message refers to: where it comes from, what it answers or quotes, what is offered for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from telegram import ExternalReplyInfo, Message, MessageOrigin, TextQuote

from relay.mapping.content.content import Card, Content, File, Place
from relay.mapping.content.kinds import KINDS, is_empty
from relay.mapping.content.links import link_to_post, name_story, with_link
from relay.mapping.content.prices import suggested
from relay.mapping.content.readers import EXCERPT, excerpt, is_wordless, read_content
from relay.mapping.content.remembered import own_words
from relay.mapping.text.language import heading, say
from relay.mapping.text.people import name_of, one_line
from relay.mapping.text.text import clean, join, render, shorten
from relay.mapping.text.tolerant import tried
from relay.model import Said, is_id

_LONGEST_QUOTE: Final = 1024  #: Characters; what a customer chose is not cut before Telegram would have cut it.


@dataclass(frozen=True, slots=True)
class Reference:
    """What stands before the content: lines, and what another chat's message holds, which no agent has seen."""

    text: str
    items: tuple[File | Place | Card, ...] = ()


def refers_to(message: Message) -> tuple[int, ...]:
    """The ids of earlier messages of which Telegram doesn't tell what they said, or that said nothing in words."""
    earlier = (message.reply_to_message, message.pinned_message)
    silent = (each for each in earlier if each is not None and is_wordless(each))
    return tuple(each.message_id for each in silent if is_id(each.message_id))


def references(message: Message, said: Mapping[int, Said], forms: Mapping[str, str]) -> Reference:
    """What goes before the content; nothing for a message that stands alone.

    `said` is what is remembered, `forms` what this installation can convert.
    """
    origin, lines = message.forward_origin, []
    if origin is not None:
        lines.append(tried(_forwarded, origin) or say("forwarded_from_nobody"))
    elsewhere = tried(_elsewhere, message) or Content("")
    lines.append(tried(_answered, message, elsewhere, said, forms) or "")
    if message.suggested_post_info is not None:
        lines.append(heading("suggested_post_info", tried(suggested, message.suggested_post_info) or ""))
    return Reference("\n".join(filter(None, lines)), elsewhere.items)


def _answered(message: Message, elsewhere: Content, said: Mapping[int, Said], forms: Mapping[str, str]) -> str:
    """What the message answers, in one line."""
    replied, external, story = message.reply_to_message, message.external_reply, message.reply_to_story
    # Each message of a topic answers the message that opened it; nobody meant that.
    if replied is not None and replied.forum_topic_created is not None and message.quote is None:
        replied = None
    chosen = _quote(message.quote) or _chosen_part(message)
    if external is not None:
        return _quoted_from(external, chosen or shorten(own_words(elsewhere, forms), _LONGEST_QUOTE))
    if chosen:
        return say("quoted", words=chosen)
    if replied is not None:
        return say("quoted", words=excerpt(replied, said.get(replied.message_id), forms))
    return say("quoted", words=heading("story", name_story(story))) if story is not None else ""


def _elsewhere(message: Message) -> Content | None:
    """What the message holds that is answered in another chat; None if there is none."""
    external = message.external_reply
    if external is None:
        return None
    parts = {kind: value for kind in KINDS if (value := getattr(external, kind, None))}
    number = external.message_id if is_id(external.message_id) else 0
    date = getattr(external.origin, "date", None) or message.date
    answered = Message(number, date, message.chat, api_kwargs=dict(external.api_kwargs or {}), **parts)
    return None if is_empty(answered) else read_content(answered)


def _quoted_from(external: ExternalReplyInfo, words: str) -> str:
    origin = external.origin
    name = origin_name(origin)
    line = say("quoted_from", words=words, name=name) if name else say("quoted", words=words)
    number = external.message_id or getattr(origin, "message_id", None)
    return with_link(line, link_to_post(external.chat or getattr(origin, "chat", None), number))


def origin_name(origin: MessageOrigin) -> str:
    """Who wrote first: a person's name, or the title of a chat; "" if Telegram keeps it to itself."""
    if origin is None:
        return ""
    if hidden := one_line(getattr(origin, "sender_user_name", None)):
        return hidden
    known = (getattr(origin, field, None) for field in ("sender_user", "sender_chat", "chat"))
    return next(filter(None, map(name_of, known)), "")


def _forwarded(origin: MessageOrigin) -> str:
    name, author = origin_name(origin), one_line(getattr(origin, "author_signature", None))
    if name and author:
        line = say("forwarded_by", name=name, author=author)
    else:
        line = say("forwarded", name=name or author) if name or author else say("forwarded_from_nobody")
    return with_link(line, link_to_post(getattr(origin, "chat", None), getattr(origin, "message_id", None)))


def _quote(quote: TextQuote | None) -> str:
    """The words that were quoted. Those that Telegram chose by itself need only remind."""
    if quote is None or not isinstance(quote.text, str):
        return ""
    limit = _LONGEST_QUOTE if quote.is_manual else EXCERPT
    return shorten(clean(render(quote.text, quote.entities or ())), limit)


def _chosen_part(message: Message) -> str:
    """The task of a checklist, or the option of a poll, that was answered alone."""
    replied: Any = message.reply_to_message
    if replied is None:
        return ""
    chosen_task, chosen_option = message.reply_to_checklist_task_id, message.reply_to_poll_option_id
    tasks = replied.checklist.tasks if replied.checklist and chosen_task is not None else ()
    options = replied.poll.options if replied.poll and chosen_option is not None else ()
    parts = [task.text for task in tasks if task.id == chosen_task]
    parts += [option.text for option in options if option.persistent_id == chosen_option]
    return shorten(join(", ", *parts), EXCERPT)
