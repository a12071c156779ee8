"""Keyboards that Kit's functions attach, as Telegram takes them. Pure.

What Telegram would refuse is left out, button by button, and named.

https://core.telegram.org/bots/api#inlinekeyboardmarkup, https://core.telegram.org/bots/api#replykeyboardmarkup
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from relay.kit.events import IncomingItem, KeyboardItem
from relay.kit.values import as_flag, as_link, as_object, as_words
from relay.mapping.text.text import clean, shorten
from relay.steps import SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step

MAX_BUTTONS: Final = 100
MAX_INLINE_ROW: Final = 8
MAX_ROW: Final = 12
MAX_LABEL: Final = 64  #: Characters as people see them.
MAX_DATA: Final = 64  #: Bytes.
MAX_HINT: Final = 64  #: Characters, of what stands in the empty text field.
MAX_COPIED: Final = 256  #: Characters.
MAX_LINK: Final = 2048  #: Characters.

_FLAGS: Final = ("is_persistent", "resize_keyboard", "one_time_keyboard", "selective")
_SCHEMES: Final = frozenset({"http", "https", "tg"})
#: A host and what follows, without a scheme.
_BARE: Final = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:[/?#]\S*)?")
#: Fields of a button that say nothing of what it does.
_LOOKS: Final = frozenset({"text", "icon_custom_emoji_id", "style"})
#: What pressing a key under the text field may give away.
_ASKS: Final = frozenset({"request_contact", "request_location"})

_Button = Mapping[str, Any]


def keyboard_in(items: Sequence[IncomingItem]) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """The first keyboard, since a message can have but one; and what was left out, for the log."""
    markup: dict[str, Any] | None = None
    left_out: list[str] = []
    for item in items:
        if not isinstance(item, KeyboardItem):
            continue
        found, dropped = keyboard(item)
        left_out += dropped
        if found is not None and markup is not None:
            left_out.append(f"{item.type}: another keyboard")
        markup = markup or found
    return markup, tuple(left_out)


def keyboard(item: KeyboardItem) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Telegram's `reply_markup`, None if nothing is left of it; and what was left out, for the log."""
    dropped: list[str] = []
    match item.type:
        case "telegram_inline_keyboard_markup":
            rows = list(_rows(item, _inline_button, MAX_INLINE_ROW, dropped))
            markup: dict[str, Any] = {"inline_keyboard": rows}
        case "telegram_reply_keyboard_markup":
            rows = list(_rows(item, _key, MAX_ROW, dropped))
            markup = {"keyboard": rows, **_ways(item.params)}
        case "telegram_reply_keyboard_remove":
            return {"remove_keyboard": True} | _flags(item.params, ("selective",)), ()
    if not rows and not dropped:
        dropped.append("no buttons")
    return markup if rows else None, tuple(f"{item.type}: {what}" for what in dict.fromkeys(dropped))


def labels_of(item: KeyboardItem) -> tuple[str, ...]:
    """What stands on its buttons."""
    return tuple(label for row in item.rows for button in row if (label := _label(button)))


def put_under(steps: Sequence[Step], markup: dict[str, Any]) -> list[Step]:
    """The steps, the last of them that can with the keyboard under it. There must be at least one step.

    An album can have none: words leave it for a message of their own, and without words its last file does.
    """
    put = list(steps)
    for index in range(len(put) - 1, -1, -1):
        step = put[index]
        if isinstance(step, SendText | SendFile | SendLocation | SendVenue | SendContact):
            put[index] = replace(step, reply_markup=markup)
            return put
    albums = [step for step in put if isinstance(step, SendAlbum)]
    first, last = albums[0], albums[-1]
    if words := first.items[0].caption:
        silent = replace(first, items=(replace(first.items[0], caption=None), *first.items[1:]))
        return [SendText(words, markup), silent, *put[1:]]
    rest: SendAlbum | SendFile = SendAlbum(last.items[:-1]) if len(last.items) > 2 else last.items[0]
    return [*put[:-1], rest, replace(last.items[-1], reply_markup=markup)]


def _ways(params: Mapping[str, Any]) -> dict[str, Any]:
    """How a keyboard under the text field behaves; without a word about its size it is small."""
    hint = clean(as_words(params.get("input_field_placeholder"))).strip()[:MAX_HINT]
    ways = {"resize_keyboard": True, **_flags(params, _FLAGS)}
    return ways | ({"input_field_placeholder": hint} if hint else {})


def _flags(params: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: flag for name in names if (flag := as_flag(params.get(name))) is not None}


def _rows(
    item: KeyboardItem, read: Callable[[_Button, list[str]], dict[str, Any] | None], longest: int, dropped: list[str]
) -> Iterator[list[dict[str, Any]]]:
    left = MAX_BUTTONS
    for row in item.rows:
        buttons = [made for each in row if (made := read(each, dropped))]
        fitting = buttons[: min(longest, left)]
        if len(fitting) < len(buttons):
            dropped.append("too many buttons")
        left -= len(fitting)
        if fitting:
            yield fitting


def _label(button: _Button) -> str:
    return shorten(clean(as_words(button.get("text"))), MAX_LABEL).strip()


def _inline_button(button: _Button, dropped: list[str]) -> dict[str, Any] | None:
    label = _label(button)
    if not label:
        dropped.append("a button without a text")
        return None
    if action := _action(button):
        return {"text": label, **action}
    if other := _other_field(button, _LOOKS):
        dropped.append(f"a button with {other}")
        return None
    # A button with a text alone says that text.
    return {"text": label, "callback_data": label.encode()[:MAX_DATA].decode(errors="ignore")}


def _action(button: _Button) -> dict[str, Any] | None:
    """The first thing that the button does, in Telegram's own order, of those that a relay can let it do."""
    if (url := as_link(button.get("url"))) and (link := _link(url)):
        return {"url": link}
    data = clean(as_words(button.get("callback_data")))
    if 1 <= len(data.encode()) <= MAX_DATA:
        return {"callback_data": data}
    copied = clean(as_words(as_object(button.get("copy_text")).get("text")))
    return {"copy_text": {"text": copied}} if 1 <= len(copied) <= MAX_COPIED else None


def _other_field(button: _Button, known: frozenset[str]) -> str | None:
    """A field, set, that is none of the known ones."""
    others = [name for name, value in button.items() if name not in known and value not in (None, False, "")]
    return clean(min(others))[:32] if others else None


def _link(url: str) -> str | None:
    """The link as Telegram takes it, which refuses a keyboard whole; without a scheme it is one of the web."""
    url = "%20".join(url.split())
    if _BARE.fullmatch(url):
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        is_host = parts.scheme == "tg" or ("." in (parts.hostname or "") and parts.port != 0)
    except ValueError:  # also a port that is none
        return None
    return url if parts.scheme in _SCHEMES and is_host and len(url) <= MAX_LINK and clean(url) == url else None


def _key(button: _Button, dropped: list[str]) -> dict[str, Any] | None:
    """A key under the text field: pressing it sends its text, or what it asks for."""
    label = _label(button)
    if not label:
        dropped.append("a button without a text")
        return None
    if other := _other_field(button, _LOOKS | _ASKS):
        dropped.append(f"a button with {other}")
        return None
    asks = next((name for name in sorted(_ASKS) if as_flag(button.get(name))), None)
    return {"text": label} | ({asks: True} if asks else {})
