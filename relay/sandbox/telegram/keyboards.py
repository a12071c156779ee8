"""What Telegram takes as a reply_markup, and in which words it refuses another.

https://github.com/tdlib/telegram-bot-api (`Client::get_reply_markup` and what it calls) and, for links,
https://github.com/tdlib/td (`LinkManager::get_checked_link`).
"""

from typing import Any
from urllib.parse import urlsplit

from relay.sandbox.telegram.refusal import Refused, bad_request

MAX_DATA = 64  #: Bytes.

_MARKUPS = ({"inline_keyboard"}, {"keyboard"}, {"remove_keyboard"}, {"force_reply"})
#: What a button can do besides opening a link and sending data.
_OTHER_ACTIONS = frozenset({
    "callback_game", "pay", "switch_inline_query", "switch_inline_query_chosen_chat",
    "switch_inline_query_current_chat", "login_url", "web_app", "copy_text",
})  # fmt: skip
_PROTOCOLS = frozenset({"http", "https", "tg", "ton", "tonsite"})


def check_markup(markup: dict[str, Any] | None) -> None:
    """Raise Refused (400) for what is no keyboard, or one with a button that is none."""
    if markup is None:
        return
    if not any(kind <= markup.keys() for kind in _MARKUPS):
        raise bad_request("object expected as reply markup")
    for button in _buttons(markup.get("inline_keyboard", []), "inline_keyboard"):
        _check_inline_button(button)
    for button in _buttons(markup.get("keyboard", []), "keyboard"):
        _check_key(button)


def _buttons(rows: object, field: str) -> list[object]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(f'field "{field}" must be an Array of Arrays')
    return [button for row in rows for button in row]


def _check_key(button: object) -> None:
    text = button.get("text") if isinstance(button, dict) else button
    if not isinstance(text, str):
        raise bad_request("can't parse keyboard button: KeyboardButton must be a String or an Object")
    if not text:
        raise bad_request("text buttons must be non-empty")


def _check_inline_button(button: object) -> None:
    if not isinstance(button, dict):
        raise _no_button("InlineKeyboardButton must be an Object")
    text, url, data = (button.get(name, "") for name in ("text", "url", "callback_data"))
    for name, value in (("text", text), ("url", url), ("callback_data", data)):
        if not isinstance(value, str):
            raise _no_button(f'Field "{name}" must be of type String')
    if not text:
        raise bad_request("text buttons must be non-empty")
    if url:
        _check_link(url)  # with a link the server looks at nothing else
    elif len(data.encode()) > MAX_DATA:
        raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
    elif not data and not _OTHER_ACTIONS & button.keys():
        raise _no_button("Text buttons are unallowed in the inline keyboard")


def _check_link(url: str) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        raise _no_link(url, "Wrong HTTP URL") from None
    if parts.scheme not in _PROTOCOLS:
        raise _no_link(url, "Unsupported URL protocol")
    if " " in url or (parts.scheme in {"http", "https"} and "." not in host):
        raise _no_link(url, "Wrong HTTP URL")


def _no_button(why: str) -> Refused:
    return bad_request(f"can't parse inline keyboard button: {why}")


def _no_link(url: str, why: str) -> Refused:
    return bad_request(f"inline keyboard button URL '{url}' is invalid: {why}")
