"""What of a message its reader has not seen: unknown fields wherever they stand, and files in unlikely places. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from telegram import Chat, MaybeInaccessibleMessage, Message, TelegramObject, User

from relay.mapping.content.content import Content, File
from relay.mapping.content.kinds import KINDS, new_fields
from relay.mapping.content.loose import Loose, raw_of
from relay.mapping.content.media import moment
from relay.mapping.content.walker import SAME, walk
from relay.mapping.text.repeated import says

#: What another message said has been carried with it.
_Earlier: Final = MaybeInaccessibleMessage

#: Kinds whose files nobody sent: the wallpaper of a chat, and documents that are encrypted for whoever asked for them.
_NOBODYS: Final = frozenset({"chat_background_set", "passport_data"})
#: What only decorates the picture beside it.
_DECORATION: Final = frozenset({"symbol", "backdrop"})


def completed(message: Message, content: Content) -> Content:
    """The content, and behind it whatever else of the message people would see; each thing once."""
    files = [item for item in content.items if isinstance(item, File)]
    mark = partial(moment, message)
    more = [item for item in walk(_media(message), mark, files, 1 + len(files)).items if isinstance(item, File)]
    files += more
    rest = walk(unknown_fields(message), mark, files, 1 + len(files))
    lines = _unsaid(rest.lines, content.text)
    new = [item for item in rest.items if item not in content.items]
    if not (more or new or lines):
        return content
    text = "\n".join(filter(None, (content.text, *lines)))
    return replace(content, text=text, items=(*content.items, *more, *new))


def unknown_fields(node: object) -> Iterator[tuple[str, object]]:
    """What python-telegram-bot has not understood of a message's content, each with its name."""
    if isinstance(node, Loose):
        yield from node.raw.items()
        return
    if isinstance(node, list | tuple):
        for each in node:
            yield from unknown_fields(each)
    if not isinstance(node, TelegramObject) or isinstance(node, User | Chat):
        return
    fields = new_fields(node) if isinstance(node, Message) else node.api_kwargs.items()
    yield from ((name, value) for name, value in fields if name not in SAME)
    for each in _parts(node):
        if not isinstance(each, _Earlier):
            yield from unknown_fields(each)


def _parts(node: TelegramObject) -> Iterable[object]:
    if isinstance(node, Message):
        return [getattr(node, kind) for kind in KINDS]
    return node.to_dict(recursive=False).values()


def _media(message: Message) -> Iterator[tuple[str, object]]:
    """The content that may hold files of which its reader takes only some."""
    for kind in KINDS:
        value = getattr(message, kind, None)
        holds = isinstance(value, TelegramObject | Loose | list | tuple) and not isinstance(value, _Earlier)
        if value and holds and kind not in _NOBODYS:
            yield kind, _without_decoration(raw_of(value))


def _without_decoration(node: object) -> object:
    if isinstance(node, dict):
        return {name: _without_decoration(each) for name, each in node.items() if name not in _DECORATION}
    return [_without_decoration(each) for each in node] if isinstance(node, list) else node


def _unsaid(lines: Iterable[str], text: str) -> list[str]:
    """Those of the lines that the text does not say already, however it breaks them."""
    said, unsaid = text, []
    for line in lines:
        if not says(said, line):
            unsaid.append(line)
            said = f"{said}\n{line}"
    return unsaid
