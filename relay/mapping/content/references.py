"""What a message refers to: where it comes from, what it answers or quotes, what is offered for it. Pure."""

from collections.abc import Mapping

from telegram import (
    ExternalReplyInfo,
    Message,
    MessageOrigin,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    TextQuote,
)

from relay.mapping.content.placeholders import KINDS, is_empty
from relay.mapping.content.prices import suggested
from relay.mapping.content.readers import EXCERPT, excerpt
from relay.mapping.content.service_messages import person
from relay.mapping.text.language import heading, say
from relay.mapping.text.text import clean, join, render, shorten
from relay.mapping.text.tolerant import tried
from relay.model import Said, is_id

_LONGEST_QUOTE = 1024  #: Characters; what a customer chose is not cut before Telegram would have cut it.


def refers_to(message: Message) -> tuple[int, ...]:
    """The ids of earlier messages of which Telegram doesn't tell what they said."""
    earlier = (message.reply_to_message, message.pinned_message)
    silent = (each for each in earlier if each is not None and (not isinstance(each, Message) or is_empty(each)))
    return tuple(each.message_id for each in silent if is_id(each.message_id))


def references(message: Message, said: Mapping[int, Said]) -> str:
    """The lines that go before the content, "" for a message that stands alone. `said` is what is remembered."""
    origin, lines = message.forward_origin, []
    if origin is not None:
        lines.append(tried(_forwarded, origin) or say("forwarded_from_nobody"))
    if quoted := tried(_answered, message, said):
        lines.append(quoted)
    if message.suggested_post_info is not None:
        lines.append(heading("suggested_post_info", tried(suggested, message.suggested_post_info) or ""))
    return "\n".join(lines)


def _answered(message: Message, said: Mapping[int, Said]) -> str:
    """What the message answers, in one line."""
    replied, external, story = message.reply_to_message, message.external_reply, message.reply_to_story
    # Each message of a topic answers the message that opened it; nobody meant that.
    if replied is not None and replied.forum_topic_created is not None and message.quote is None:
        replied = None
    chosen = _quote(message.quote) or _chosen_part(message)
    if external is not None:
        name = origin_name(external.origin)
        words = chosen or _kind(external)
        return say("quoted_from", words=words, name=name) if name else say("quoted", words=words)
    if chosen:
        return say("quoted", words=chosen)
    if replied is not None:
        return say("quoted", words=excerpt(replied, said.get(replied.message_id)))
    return say("quoted", words=heading("story", person(story.chat))) if story is not None else ""


def origin_name(origin: MessageOrigin) -> str:
    """Who wrote first: a person's name, or the title of a chat; "" if Telegram keeps it to itself."""
    if isinstance(origin, MessageOriginUser):
        return person(origin.sender_user)
    if isinstance(origin, MessageOriginHiddenUser):
        return clean(origin.sender_user_name).strip()
    if isinstance(origin, MessageOriginChat):
        return person(origin.sender_chat)
    return person(origin.chat) if isinstance(origin, MessageOriginChannel) else ""


def _forwarded(origin: MessageOrigin) -> str:
    name, author = origin_name(origin), clean(getattr(origin, "author_signature", None)).strip()
    if name and author:
        return say("forwarded_by", name=name, author=author)
    return say("forwarded", name=name or author) if name or author else say("forwarded_from_nobody")


def _quote(quote: TextQuote | None) -> str:
    """The words that were quoted. Those that Telegram chose by itself need only remind."""
    if quote is None or not isinstance(quote.text, str):
        return ""
    limit = _LONGEST_QUOTE if quote.is_manual else EXCERPT
    return shorten(clean(render(quote.text, quote.entities or ())), limit)


def _chosen_part(message: Message) -> str:
    """The task of a checklist, or the option of a poll, that was answered alone."""
    replied = message.reply_to_message
    if replied is None:
        return ""
    tasks = replied.checklist.tasks if replied.checklist else ()
    options = replied.poll.options if replied.poll else ()
    parts = [task.text for task in tasks if task.id == message.reply_to_checklist_task_id]
    parts += [option.text for option in options if option.persistent_id == message.reply_to_poll_option_id]
    return shorten(join(", ", *parts), EXCERPT)


def _kind(external: ExternalReplyInfo) -> str:
    return heading(next((kind for kind in KINDS if getattr(external, kind, None)), "message"))
