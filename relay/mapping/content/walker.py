"""What people would see of raw content that no reader knows: its words, its files and its places, in their order. Pure.

Telegram invents content faster than libraries learn of it. Rich messages came so
(https://core.telegram.org/bots/api#richmessage): blocks that hold texts, files and other blocks. So nothing here goes
by the name of what is read, only by the shapes that Telegram uses everywhere. Names of fields are never words.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from relay.mapping.content.content import File, Place
from relay.mapping.content.files import FILES, Files, file_of
from relay.mapping.content.loose import loose
from relay.mapping.content.points import place_of
from relay.mapping.content.prices import price
from relay.mapping.content.rich_text import DEEPEST, LABELS, TARGETS, inline
from relay.mapping.text.people import handle, one_line, shown_name
from relay.mapping.text.points import describe_point
from relay.mapping.text.text import clean, join
from relay.mapping.text.tolerant import tried

Raw = Mapping[str, Any]

#: Keys under which words stand, in any object of the Bot API.
_WORDS: Final = frozenset(
    {
        *("text", "caption", "title", "summary", "credit", "expression", "alternative_text", "question", "description"),
        *("explanation", "name", "label", "address", "prize_description", "comment", "performer", "emoji"),
    }
)
#: Keys whose strings are for programs, whatever they look like.
_NOT_WORDS: Final = frozenset(
    {
        *("type", "file_name", "mime_type", "language", "date_time_format", "vcard", "data", "anchor_name", "style"),
        *("reference_name", "username", "first_name", "last_name", "language_code", "set_name", "currency"),
    }
)
#: What shows the file beside which it stands, or is the same once more.
SAME: Final = frozenset({"thumbnail", "thumb", "cover", "qualities"})
#: Words of a medium's own, in the order in which they are read.
_OF_MEDIA: Final = ("emoji", "performer", "title")
#: Readers of media by their fields. A voice message has another name in blocks.
_MEDIA: Final[dict[str, Callable[[Any, str], Files]]] = {**dict(FILES), "voice_note": dict(FILES)["voice"]}
#: What is read before and after the rest of an object, wherever it stands.
_ORDER: Final = {"label": -1, "title": -1, "summary": -1, "question": -1, "caption": 1, "credit": 2, "explanation": 3}
_LONGEST: Final = 50_000  #: Characters.
#: What nobody but people write: two words.
_SENTENCE: Final = re.compile(r"[^\W\d_]{2,}\W*\s\W*\w*[^\W\d_]")
_ORDINAL: Final = re.compile(r"\w+")  #: A label that is a number or a letter alone: `1`, `iv`.
_CELLS: Final = " | "
#: What says of a file that it is no picture in one of its sizes.
_OF_ONE_FILE: Final = frozenset({"mime_type", "duration", "file_name"})
#: How much the sides of one picture in several sizes may differ by rounding.
_ROUNDING: Final = 0.06


@dataclass(slots=True)
class Found:
    """What there is to be seen, in its order: lines of words, and items for Kit."""

    lines: list[str] = field(default_factory=list)
    items: list[File | Place] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The words, one thing a line."""
        return "\n".join(self.lines)[:_LONGEST]


def walk(
    fields: Iterable[tuple[str, object]], mark: Callable[[int], str] = str, known: Iterable[File] = (), first: int = 1
) -> Found:
    """Read raw fields, each with its name.

    `mark` names files by their number, which counts from `first`. What is `known` already is not found again.
    """
    ids = {name for file in known for name in (file.file_id, file.unique_id) if name}
    walker = _Walker(Found(), mark, ids, first)
    for name, value in fields:
        walker.visit(name, value, 0)
    return walker.found


@dataclass(slots=True)
class _Walker:
    found: Found
    mark: Callable[[int], str]
    known: set[str]  #: Ids of files that are carried.
    number: int  #: Of the next file.

    def visit(self, name: str, value: object, depth: int) -> None:
        """Read what stands under a name."""
        if depth > DEEPEST or name in _NOT_WORDS:
            return
        if name in _MEDIA and self.carry(_MEDIA[name], value):
            self.beside(value, depth)
            return
        words = inline(value, depth) if name in _WORDS and _is_inline(value) else ""
        match value:
            case str() if name in _WORDS or _SENTENCE.search(value):
                self.line(clean(value))
            case _ if words.strip():
                self.line(words)
            case dict():
                self.read_object(value, depth + 1)
            case list() | tuple():
                self.read_list(name, value, depth + 1)

    def read_list(self, name: str, values: Sequence[object], depth: int) -> None:
        """Read several things of one kind, a picture in several sizes, or a rich text."""
        if _are_sizes(values) and self.carry(_MEDIA["photo"], values):
            return
        if any(isinstance(each, str) for each in values) and any(isinstance(each, dict) for each in values):
            self.line(inline(values, depth))
            return
        for each in values:
            self.visit(name, each, depth)

    def read_object(self, node: Raw, depth: int) -> None:
        """Read an object as its shape demands."""
        if "message_id" in node and "chat" in node:
            return  # an earlier message: what it said has been carried
        for shape, read in _SHAPES:
            if shape in node:
                read(self, node, depth)
                return
        self.fields(node, depth, {"name"} if node.get("type") == "anchor" else ())

    def fields(self, node: Raw, depth: int, without: Iterable[str] = ()) -> None:
        """Read what stands in an object, but for what was read already."""
        left_out = {*without}
        for name in sorted(node, key=lambda name: _ORDER.get(name, 0)):
            if name not in left_out:
                self.visit(name, node[name], depth)

    def line(self, text: str) -> None:
        """A line of words."""
        if line := text.strip():
            self.found.lines.append(line)

    def carry(self, read: Callable[[Any, str], Files], value: object) -> bool:
        """Carry the files of a medium, each once. False: it is none."""
        files = tried(read, loose(value), self.mark(self.number)) if isinstance(value, dict | list | tuple) else ()
        for file in files or ():
            if self.known.isdisjoint({file.file_id, file.unique_id}):
                self.found.items.append(file)
                self.number += 1
            self.known |= {name for name in (file.file_id, file.unique_id) if name}
        return bool(files)

    def beside(self, medium: object, depth: int) -> None:
        """Read what a medium says, and what else is in it."""
        if isinstance(medium, dict):
            self.line(join(" \u2013 ", *(one_line(medium.get(name)) for name in _OF_MEDIA)))
            self.fields(medium, depth + 1, {*SAME, *_OF_MEDIA, "photo"})


def _read_file(walker: _Walker, node: Raw, depth: int) -> None:
    """A file under a name that says nothing of its kind."""
    noun = _noun_of(node)
    if walker.carry(lambda medium, mark: file_of(medium, noun, mark), node):
        walker.beside(node, depth)
    else:
        walker.fields(node, depth)


def _read_item(walker: _Walker, node: Raw, depth: int) -> None:
    """An item of a list: what marks it stands in front of its first line."""
    if "blocks" not in node and "has_checkbox" not in node:
        walker.fields(node, depth)
        return
    lines, before = walker.found.lines, len(walker.found.lines)
    walker.fields(node, depth, {"label"})
    if len(lines) > before:
        lines[before] = f"{_bullet(node)} {lines[before]}".strip()


def _read_table(walker: _Walker, node: Raw, depth: int) -> None:
    """A table, a row a line; what in its cells is no text comes behind it."""
    rows = [row if isinstance(row, list) else [row] for row in node["cells"] if row] if _is_list(node["cells"]) else []
    for row in rows:
        cells = [" ".join(inline(cell, depth).split()) for cell in row]
        walker.line(_CELLS.join(cells) if any(cells) else "")
    walker.visit("cell", [{**cell, "text": None} for row in rows for cell in row if isinstance(cell, dict)], depth)
    walker.fields(node, depth, {"cells"})


def _read_point(walker: _Walker, node: Raw, depth: int) -> None:
    _add_point(walker, node)
    walker.fields(node, depth, {"latitude", "longitude"})


def _read_venue(walker: _Walker, node: Raw, depth: int) -> None:
    """A point with a name, or with an address that may have parts."""
    address = node["address"] if isinstance(node["address"], str) else ""
    _add_point(walker, node["location"] if isinstance(node.get("location"), dict) else {}, node.get("title"), address)
    walker.fields(node, depth, {"title", "location", *({"address"} if address else ())})


def _add_point(walker: _Walker, location: Raw, *names: object) -> None:
    address = join(", ", *map(one_line, names))
    place = place_of(loose(location), address)
    if place is None:
        walker.line(address)
        return
    walker.found.items.append(place)
    walker.line(join(", ", address, describe_point(place.latitude, place.longitude)))


def _read_linked(walker: _Walker, node: Raw, depth: int) -> None:
    """A label and what it opens."""
    walker.line(inline(node, depth))
    walker.fields(node, depth, {*LABELS, *TARGETS, "user", "web_app", "login_url", "copy_text"})


def _read_person(walker: _Walker, node: Raw, depth: int) -> None:
    name = shown_name(node.get("first_name"), node.get("last_name")) or handle(node.get("username"))
    walker.line(join(", ", name, one_line(node.get("phone_number"))))
    walker.fields(node, depth, TARGETS)


def _read_price(walker: _Walker, node: Raw, depth: int) -> None:
    amount = next((node[name] for name in ("total_amount", "amount") if name in node), None)
    walker.fields(node, depth)
    walker.line(price(node.get("currency"), amount))


#: What gives an object away, and how it is read; the first that fits.
_SHAPES: Final[tuple[tuple[str, Callable[[_Walker, Raw, int], None]], ...]] = (
    ("file_id", _read_file),
    ("cells", _read_table),
    ("has_checkbox", _read_item),
    ("label", _read_item),
    ("latitude", _read_point),
    ("address", _read_venue),
    ("first_name", _read_person),
    ("currency", _read_price),
    *((name, _read_linked) for name in (*TARGETS, "alternative_text", "web_app", "login_url", "copy_text")),
)


def _noun_of(node: Raw) -> str:
    """What kind of file it is, by what is told of it."""
    top = clean(node.get("mime_type")).lower().partition("/")[0]
    timed, sized = "duration" in node, "width" in node and "height" in node
    if "is_animated" in node or "set_name" in node:
        return "sticker"
    if timed and "length" in node:
        return "video_note"
    if top == "video" or (timed and sized):
        return "video"
    if top == "audio" or timed:
        return "audio"
    return "photo" if top == "image" or (sized and not top) else "document"


def _bullet(node: Raw) -> str:
    label = one_line(inline(node.get("label")))
    ordinal = f"{label}." if _ORDINAL.fullmatch(label) else label
    if not node.get("has_checkbox"):
        return ordinal
    box = "☑" if node.get("is_checked") else "☐"
    return f"{ordinal} {box}" if ordinal[:1].isalnum() else box


def _are_sizes(values: Sequence[object]) -> bool:
    """Whether these are one picture in several sizes: of one shape, none as wide as another."""
    sizes = [size for each in values if (size := _size_of(each)) is not None]
    if len(sizes) < 2 or len(sizes) < len(values):
        return False
    widths = {width for width, _ in sizes}
    ratios = [width / height for width, height in sizes]
    return len(widths) == len(sizes) and max(ratios) / min(ratios) - 1 < _ROUNDING


def _size_of(node: object) -> tuple[int, int] | None:
    """Width and height of what may be a picture in one of its sizes; None of anything else."""
    if not isinstance(node, dict) or "file_id" not in node or not _OF_ONE_FILE.isdisjoint(node):
        return None
    width, height = node.get("width"), node.get("height")
    if type(width) is not int or type(height) is not int:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _is_inline(value: object) -> bool:
    """Whether it is a rich text, not something that holds texts among other things."""
    return _is_list(value) or (isinstance(value, dict) and "type" in value)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)
