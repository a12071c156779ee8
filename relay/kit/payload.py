"""One payload item of Kit's, as what it was meant to be. Pure, and never raises.

What is wrong with an item costs neither the words nor the other items. The types are those of
https://voximplant.com/kit/docs/channels/custom and https://github.com/voximplant/kit-functions-sdk.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from relay.kit.events import (
    FOR_OTHERS,
    UNTYPED,
    CardItem,
    FileItem,
    FileKind,
    IncomingItem,
    KeyboardItem,
    KeyboardKind,
    PlaceItem,
    UnusableItem,
    WordsItem,
)
from relay.kit.limits import mend
from relay.kit.values import as_degrees, as_line, as_link, as_list, as_object, as_words, is_empty

_Fields = Mapping[str, Any]

_LONGEST_TYPE: Final = 64  #: Characters.
#: Where a link stands: in the channel's documentation, and in what Kit's functions write.
_LINKS: Final = ("file_url", "url")
#: Where a name stands.
_NAMES: Final = ("file_name", "name")
#: Where else programs put the link of a file, and in which objects. A link anywhere else may be meant for Kit itself.
_OTHER_LINKS: Final = (*_LINKS, "link", "href", "src", "uri", "file", "fileurl", "media_url", "download_url")
_HOLDERS: Final = ("file", "media", "attachment", "image", "photo", "video", "audio", "document", "data")
#: What a point's two numbers are called.
_LATITUDES: Final = ("latitude", "lat")
_LONGITUDES: Final = ("longitude", "lng", "lon", "long")
#: What a writer that knows no null puts in its place.
_NOTHINGS: Final = frozenset({"null", "none", "undefined", "true", "false"})
#: Where the Bot API has rows of buttons, with their parameters beside them.
_MARKUPS: Final = ("inline_keyboard", "keyboard")


def read_items(payload: object) -> tuple[IncomingItem, ...]:
    """The items of a message's payload, in their order, also of lists within it; what is empty is none."""
    items: list[IncomingItem] = []
    for each in as_list(payload):
        for raw in each if isinstance(each, list) else [each]:
            if not _is_nothing(raw):
                items += _read_item(raw)
    return tuple(items)


def _is_nothing(raw: object) -> bool:
    return is_empty(raw) or (isinstance(raw, str) and raw.strip().lower() in _NOTHINGS)


def _read_item(raw: object) -> Iterator[IncomingItem]:
    fields = as_object(raw) or {"url": raw}
    kind = _kind_of(fields)
    item = _READERS.get(kind, _unlisted)(fields)
    beside = _file("any", {"file_url": fields.get("file_url")}) if kind in _NO_FILES else None
    if beside is None or not _is_fetchable(beside.url):
        yield item or UnusableItem(kind)
        return
    if item is not None:
        yield item
    yield replace(beside, name=as_line(fields.get("file_name")))


def _kind_of(fields: _Fields) -> str:
    named = fields.get("type")
    if not isinstance(named, str) or not named.strip():
        return UNTYPED
    return mend(named).strip().lower()[:_LONGEST_TYPE]


def _file(kind: FileKind, fields: _Fields) -> FileItem | None:
    links = [link for name in _LINKS if (link := as_link(fields.get(name)))]
    best = next(filter(_is_fetchable, links), None)
    if best is None and (elsewhere := _file_elsewhere(kind, fields)) is not None:
        return elsewhere
    link = best or next(iter(links), None)
    return None if link is None else FileItem(kind, link, as_line(fields.get("file_name")))


def _file_elsewhere(kind: FileKind, fields: _Fields) -> FileItem | None:
    """The file whose link stands under another name, or in an object of the item's: `{"file": {"src": …}}`."""
    own = {name.lower(): value for name, value in fields.items()}
    for holder in (own, *(as_object(own.get(name)) for name in _HOLDERS)):
        links = [as_link(holder.get(name)) for name in _OTHER_LINKS]
        link = next((link for link in links if link and _is_fetchable(link)), None)
        if link is not None:
            names = [as_line(each.get(name)) for each in (holder, own) for name in _NAMES]
            return FileItem(kind, link, next(filter(None, names), None))
    return None


def _place(fields: _Fields) -> PlaceItem | WordsItem | None:
    address = as_line(fields.get("address"))
    held = {**fields, **as_object(fields.get("location"))}
    latitude, longitude = _degrees(held, _LATITUDES), _degrees(held, _LONGITUDES)
    if latitude is not None and longitude is not None:
        return PlaceItem(latitude, longitude, address)
    return None if address is None else WordsItem(address)


def _degrees(fields: _Fields, names: tuple[str, ...]) -> float | None:
    found = (as_degrees(fields.get(name)) for name in names)
    return next((degrees for degrees in found if degrees is not None), None)


def _card(fields: _Fields) -> CardItem | None:
    name, number = as_line(fields.get("name")), as_line(fields.get("number"))
    return CardItem(name, number) if name or number else None


def _words(fields: _Fields) -> WordsItem | None:
    words = as_words(fields.get("text"))
    return WordsItem(words) if words else None


def _keyboard(kind: KeyboardKind, rows_in: str | None, params_in: str | None, fields: _Fields) -> KeyboardItem:
    rows = fields.get(rows_in) if rows_in else None
    params = as_object(fields.get(params_in)) if params_in else {}
    held = as_object(rows)
    for name in _MARKUPS:
        if name in held:
            rows, params = held[name], {**held, **params}
            break
    return KeyboardItem(kind, tuple(_row(each) for each in as_list(rows)), params)


def _row(raw: object) -> tuple[Mapping[str, Any], ...]:
    """The buttons of a row; a button that stands where a row should is a row of its own."""
    return tuple(as_object(each) or {"text": each} for each in as_list(raw))


def _unlisted(fields: _Fields) -> FileItem | PlaceItem | None:
    """What an item of an unknown type brings: a file, if there is one to fetch; or a point."""
    file = _file("any", fields)
    if file is not None and _is_fetchable(file.url):
        return file
    place = _place(fields)
    return place if isinstance(place, PlaceItem) else None


def _for_others(_: _Fields) -> None:
    return None


def _is_fetchable(link: str) -> bool:
    return link.lower().startswith(("https://", "http://"))


#: Types of items that are no files, and may come with one all the same.
_NO_FILES: Final = frozenset({"text", "location", "contact"})
_READERS: Final[Mapping[str, Callable[[_Fields], IncomingItem | None]]] = {
    "photo": partial(_file, "photo"),
    "video": partial(_file, "video"),
    "audio": partial(_file, "audio"),
    "document": partial(_file, "document"),
    "location": _place,
    "contact": _card,
    "text": _words,
    "telegram_inline_keyboard_markup": partial(
        _keyboard, "telegram_inline_keyboard_markup", "inline_keyboard_markup", None
    ),
    "telegram_reply_keyboard_markup": partial(
        _keyboard, "telegram_reply_keyboard_markup", "reply_keyboard_markup", "reply_keyboard_params"
    ),
    "telegram_reply_keyboard_remove": partial(
        _keyboard, "telegram_reply_keyboard_remove", None, "reply_keyboard_remove_params"
    ),
    **dict.fromkeys(FOR_OTHERS, _for_others),
}
