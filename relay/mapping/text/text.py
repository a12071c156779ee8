"""Plain text between two services: counting as Telegram counts, rendering entities, cutting what is too long. Pure.

Telegram counts text and places entities in UTF-16 units (https://core.telegram.org/bots/api#messageentity).
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from telegram import MessageEntity, User

_WINDOW = 512  #: Characters. Only a cluster longer than this is cut at a place that Unicode would not choose.
_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_CLOSING = frozenset({"Pe", "Pf"})  #: Kinds of characters that may stand between the end of a sentence and a space.
_IDEOGRAPHIC_ENDS = frozenset("\u3002\uff01\uff1f")  #: After these no white space follows.
#: Characters that Unicode counts as letters or symbols, and that show nothing: fillers, and Braille without a dot.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
#: Kinds of characters that show nothing by themselves: formats, controls, spaces, marks, and what Unicode has not got.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs", "Mn", "Me"})
_MARKED = frozenset({"text_link", "text_mention", "blockquote", "expandable_blockquote"})


def clean(text: object) -> str:
    """Text that every database and every UTF-8 can hold: no NUL, lone surrogates replaced. "" if it is no text."""
    if not isinstance(text, str):
        return ""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def is_visible(character: str) -> bool:
    """Whether anything is to be seen where the character stands alone."""
    return character not in _BLANK and unicodedata.category(character) not in _UNSEEN


def join(separator: str, *parts: object) -> str:
    """The parts that are text and not blank, cleaned and trimmed, with the separator between them."""
    return separator.join(filter(None, (clean(part).strip() for part in parts)))


def shorten(text: str, limit: int) -> str:
    """The text in one line of at most `limit` characters as people see them, cut at a word if it can be."""
    clusters: list[str] = []
    # White space is folded first, but not in all of a book for the sake of its first line.
    line = " ".join(text[: 32 * limit].split())
    if len(line) <= limit:
        return line
    for found in _cluster().finditer(line):
        if len(clusters) == limit or found.end() > 16 * limit:
            break
        clusters.append(found.group())
    else:
        return line
    spaces = [index for index in range(len(clusters) // 2, len(clusters)) if clusters[index].isspace()]
    return "".join(clusters[: spaces[-1] if spaces else limit - 1]) + "…"


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def render(text: str, entities: Sequence[MessageEntity]) -> str:
    """The text as it reads without formatting.

    `label (URL)` for a hidden link, `label (Name)` for a person without a user name whom the label doesn't name, quoted
    lines behind `> `. Spoilers, code and the emoji that stand in for custom ones are in the text already.
    """
    marked = [entity for entity in entities if entity.type in _MARKED and _has_place(entity)]
    if not marked:
        return text
    index_at = _indexer(text)
    # (where, rank, what): at one place a link ends first, then a quote, then the next quote begins.
    insertions: list[tuple[int, int, str]] = []
    for entity in marked:
        start, end = index_at(entity.offset), index_at(entity.offset + entity.length)
        if start < end:
            insertions += _insertions(text, start, end, entity)
    pieces, done = [], 0
    for where, _, what in sorted(insertions, key=lambda insertion: insertion[:2]):
        pieces += [text[done:where], what]
        done = where
    return "".join([*pieces, text[done:]])


def split(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` UTF-16 units, none blank: cut at a paragraph, line, sentence or word if there is one.

    Only the white space at the cuts is lost. A grapheme cluster is cut only if it alone exceeds the limit.
    """
    if units(text) <= limit:
        return [text] if text.strip() else []
    clusters = [piece for cluster in _clusters(text) for piece in _within(cluster, limit)]
    parts, start = [], 0
    while start < len(clusters):
        if clusters[start].isspace():
            start += 1
            continue
        end, room = start, limit
        while end < len(clusters) and (room := room - units(clusters[end])) >= 0:
            end += 1
        if end < len(clusters):
            end = _best_cut(clusters, start, end)
        last = end
        while clusters[last - 1].isspace():
            last -= 1
        parts.append("".join(clusters[start:last]))
        start = end
    return parts


def _has_place(entity: MessageEntity) -> bool:
    # PTB takes what stands in the JSON.
    return isinstance(entity.offset, int) and isinstance(entity.length, int)


def _indexer(text: str) -> Callable[[int], int]:
    """From an offset in UTF-16 units to an index into the text; what lies outside goes to the nearest end."""
    if units(text) == len(text):
        return lambda offset: min(max(offset, 0), len(text))
    indexes = [index for index, character in enumerate(text) for _ in range(1 + (character > "\uffff"))]
    indexes.append(len(text))
    return lambda offset: indexes[min(max(offset, 0), len(indexes) - 1)]


def _insertions(text: str, start: int, end: int, entity: MessageEntity) -> Iterable[tuple[int, int, str]]:
    if entity.type == "text_link":
        return _link(text, start, end, clean(entity.url))
    return _mention(text, start, end, entity.user) if entity.type == "text_mention" else _quote(text, start, end)


def _mention(text: str, start: int, end: int, user: User | None) -> Iterable[tuple[int, int, str]]:
    name = join(" ", user.first_name, user.last_name) if user else ""
    label = text[start:end].strip()
    if name and label.casefold() not in name.casefold():
        yield start + len(text[start:end].rstrip()), 0, f" ({name})"


def _link(text: str, start: int, end: int, url: str) -> Iterable[tuple[int, int, str]]:
    label = text[start:end].strip()
    if url and label.rstrip("/") not in {url.rstrip("/"), url.rstrip("/").partition("://")[2]}:
        yield start + len(text[start:end].rstrip()), 0, f" ({url})"


def _quote(text: str, start: int, end: int) -> Iterable[tuple[int, int, str]]:
    yield start, 2, "> " if start == 0 or text[start - 1] == "\n" else "\n> "
    for index in range(start, end - 1):
        if text[index] == "\n":
            yield index + 1, 2, "> "
    if end < len(text) and "\n" not in {text[end - 1], text[end]}:
        yield end, 1, "\n"


def _clusters(text: str) -> Iterable[str]:
    r"""The text's grapheme clusters. Window by window: of a row of flags, `\X` looks at all of them for each one."""
    start = 0
    while start < len(text):
        found = _cluster().findall(text[start : start + _WINDOW])
        if start + _WINDOW < len(text) and len(found) > 1:
            found.pop()  # it may go on behind the window
        yield from found
        start += sum(map(len, found))


@cache
def _cluster() -> Any:  # noqa: ANN401 - a pattern of the regex package, which has no types
    """What people see as one character."""
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415 - 1.5 MB that only long texts need

    return regex.compile(r"\X")


def _within(cluster: str, limit: int) -> Iterable[str]:
    """The cluster itself, or, when not even it fits, its code points."""
    return (cluster,) if units(cluster) <= limit else cluster


def _best_cut(clusters: Sequence[str], start: int, end: int) -> int:
    """Where to end a part that would reach `end`: as late as possible at the best kind of place in its second half."""
    middle = (start + end) // 2
    for fits, floor in ((_paragraph, middle), (_line, middle), (_sentence, middle), (_word, start)):
        for cut in range(end, floor, -1):
            if fits(clusters, cut):
                return cut
    return end


def _paragraph(clusters: Sequence[str], cut: int) -> bool:
    return _line(clusters, cut) and cut + 1 < len(clusters) and _line(clusters, cut + 1)


def _line(clusters: Sequence[str], cut: int) -> bool:
    return clusters[cut] in {"\n", "\r\n", "\u2028", "\u2029"}


def _sentence(clusters: Sequence[str], cut: int) -> bool:
    if clusters[cut - 1] in _IDEOGRAPHIC_ENDS:
        return True
    return clusters[cut].isspace() and _ends_a_sentence("".join(clusters[max(0, cut - 4) : cut]))


def _ends_a_sentence(text: str) -> bool:
    """Whether it ends like a sentence, perhaps with quotation marks and brackets behind it."""
    for character in reversed(text):
        if character in _SENTENCE_ENDS:
            return True
        if character not in "\"'" and unicodedata.category(character) not in _CLOSING:
            return False
    return False


def _word(clusters: Sequence[str], cut: int) -> bool:
    return clusters[cut].isspace()
