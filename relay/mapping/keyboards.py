"""Keyboards that Kit hands over, as Telegram takes them. Pure.

What Kit's functions attach is Telegram's own JSON, somewhere in the payload item; where exactly is not documented, so
that every plausible place is looked at. What Telegram would refuse is left out, button by button, and named.

https://core.telegram.org/bots/api#inlinekeyboardmarkup, https://core.telegram.org/bots/api#replykeyboardmarkup
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from relay.kit.models import KeyboardItem
from relay.mapping.text import clean, shorten
from relay.steps import SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step

MAX_BUTTONS: Final = 100
MAX_INLINE_ROW: Final = 8
MAX_ROW: Final = 12
MAX_LABEL: Final = 64  #: Characters as people see them.
MAX_DATA: Final = 64  #: Bytes.
MAX_HINT: Final = 64  #: Characters, of what stands in the empty text field.
MAX_COPIED: Final = 256  #: Characters.

#: Where Kit may have put the keyboard, and where in it the rows may be.
_WRAPPERS: Final = ("data", "markup", "reply_markup", "keyboard", "inline_keyboard")
_ROWS: Final = ("inline_keyboard", "keyboard", "buttons", "rows")
_FLAGS: Final = ("is_persistent", "resize_keyboard", "one_time_keyboard", "selective")
_SCHEMES: Final = frozenset({"http", "https", "tg"})


def keyboard(item: KeyboardItem) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Telegram's `reply_markup`, None if nothing is left of it; and what was left out, for the log."""
    fields = _opened(item.fields)
    if item.type == "telegram_reply_keyboard_remove":
        return {"remove_keyboard": True}, ()
    inline = item.type == "telegram_inline_keyboard_markup"
    dropped: list[str] = []
    rows = list(_rows(fields, _inline_button if inline else _key, MAX_INLINE_ROW if inline else MAX_ROW, dropped))
    left_out = tuple(f"{item.type}: {what}" for what in dict.fromkeys(dropped))
    if not rows:
        return None, left_out or (f"{item.type}: no buttons",)
    if inline:
        return {"inline_keyboard": rows}, left_out
    flags = {name: fields[name] for name in _FLAGS if isinstance(fields.get(name), bool)}
    hint = clean(fields.get("input_field_placeholder")).strip()[:MAX_HINT]
    return {"keyboard": rows, "resize_keyboard": True, **flags} | (
        {"input_field_placeholder": hint} if hint else {}
    ), left_out


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


def _opened(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The keyboard's own fields, out of whatever they are wrapped in."""
    found = {name: _decoded(value) for name, value in fields.items()}
    for name in _WRAPPERS:
        inner = found.get(name)
        if isinstance(inner, dict):
            return {**found, **{key: _decoded(value) for key, value in inner.items()}}
    if isinstance(found.get("data"), list):
        found["rows"] = found["data"]
    return found


def _decoded(value: object) -> object:
    """JSON within JSON is opened."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _rows(
    fields: Mapping[str, Any],
    read: Callable[[object, list[str]], dict[str, Any] | None],
    longest: int,
    dropped: list[str],
) -> Iterator[list[dict[str, Any]]]:
    raw: list[object] = next((fields[name] for name in _ROWS if isinstance(fields.get(name), list)), [])
    left = MAX_BUTTONS
    for row in raw:
        buttons = [made for each in (row if isinstance(row, list) else [row]) if (made := read(each, dropped))]
        fitting = buttons[: min(longest, left)]
        if len(fitting) < len(buttons):
            dropped.append("too many buttons")
        left -= len(fitting)
        if fitting:
            yield fitting


def _label(button: object) -> str:
    text = button.get("text") if isinstance(button, dict) else button
    return shorten(clean(text), MAX_LABEL).strip()


def _inline_button(button: object, dropped: list[str]) -> dict[str, Any] | None:
    label = _label(button)
    if not label:
        dropped.append("a button without a text")
        return None
    fields = button if isinstance(button, dict) else {}
    if action := _action(fields):
        return {"text": label, **action}
    if others := fields.keys() - {"text", "icon_custom_emoji_id", "style"}:
        dropped.append(f"a button with {clean(min(others, key=str))[:32]}")
        return None
    # A button with a text alone says that text.
    return {"text": label, "callback_data": label.encode()[:MAX_DATA].decode(errors="ignore")}


def _action(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """The first thing that the button does, of those that a relay can let it do."""
    data = fields.get("callback_data", fields.get("data"))
    if isinstance(data, str | int) and 1 <= len(clean(str(data)).encode()) <= MAX_DATA:
        return {"callback_data": clean(str(data))}
    if isinstance(url := fields.get("url"), str) and _is_link(url):
        return {"url": url}
    copied = fields.get("copy_text")
    if isinstance(copied, dict) and 1 <= len(clean(copied.get("text"))) <= MAX_COPIED:
        return {"copy_text": {"text": clean(copied["text"])}}
    return None


def _is_link(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(parts.netloc) and len(url) <= 2048 and clean(url) == url.strip()


def _key(button: object, dropped: list[str]) -> dict[str, Any] | None:
    """A key under the text field: pressing it sends its text, or what it asks for."""
    label = _label(button)
    if not label:
        dropped.append("a button without a text")
        return None
    fields = button if isinstance(button, dict) else {}
    known = {"request_contact", "request_location"}
    if others := fields.keys() - known - {"text", "icon_custom_emoji_id", "style"}:
        dropped.append(f"a button with {clean(min(others, key=str))[:32]}")
        return None
    asks = next((name for name in sorted(known) if fields.get(name) is True), None)
    return {"text": label} | ({asks: True} if asks else {})
