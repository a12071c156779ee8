"""Polls and quizzes: the question, what may be answered, and what stands beside each. Pure."""

from functools import partial

from telegram import Message, Poll, PollMedia

from relay.mapping.content.content import Content, File, Place
from relay.mapping.content.loose import raw_of
from relay.mapping.content.media import caption, moment
from relay.mapping.content.walker import walk
from relay.mapping.text.language import heading
from relay.mapping.text.text import clean, join


def read_poll(message: Message, poll: Poll) -> Content:
    """A question with its answers, and the medium, place or link beside any of them."""
    media = _Media(message)
    beside = media.read(poll.media)
    answers = [f"\u2013 {join(', ', option.text, media.read(option.media))}".rstrip() for option in poll.options]
    explained = join("\n", poll.explanation, media.read(poll.explanation_media))
    words = join("\n", poll.question, poll.description, beside, *answers, explained)
    kind = "quiz" if poll.type == "quiz" else "poll"
    return Content(join("\n", heading(kind, words), caption(message)), tuple(media.items))


class _Media:
    """What stands beside the words of a poll, in its order."""

    def __init__(self, message: Message) -> None:
        self.items: list[File | Place] = []
        self._mark = partial(moment, message)

    def read(self, media: PollMedia | None) -> str:
        """Carry what can be carried; the words of the rest, in one line."""
        raw = raw_of(media)
        if not isinstance(raw, dict):
            return ""
        files = [item for item in self.items if isinstance(item, File)]
        found = walk(raw.items(), self._mark, files, 1 + len(files))
        self.items += found.items
        return clean(", ".join(found.lines))
