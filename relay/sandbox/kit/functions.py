"""What Kit's functions say to a customer, in the shapes that their SDK makes.

https://github.com/voximplant/kit-functions-sdk (`setTelegramInlineKeyboard` and its neighbours).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Item = dict[str, Any]
Row = Sequence[Mapping[str, Any]]

BOT: Final[Mapping[str, Any]] = {"sender_id": 0, "sender_display_name": "Bot", "sender_type": "bot", "is_bot": True}
#: Stands in each reply of a function.
PROPERTIES: Final[Item] = {"type": "properties", "message_type": "text"}


def inline_keyboard(*rows: Row) -> Item:
    """Buttons under the message, each with a `text` and a `url` or `callback_data`."""
    return {"type": "telegram_inline_keyboard_markup", "inline_keyboard_markup": [list(row) for row in rows]}


def reply_keyboard(*rows: Row, **params: bool | str) -> Item:
    """Keys under the text field, each with a `text`, and perhaps `request_contact` or `request_location`."""
    markup = [list(row) for row in rows]
    return {"type": "telegram_reply_keyboard_markup", "reply_keyboard_params": params, "reply_keyboard_markup": markup}


def no_keyboard() -> Item:
    """The end of the keys under the text field."""
    return {"type": "telegram_reply_keyboard_remove", "reply_keyboard_remove_params": {"remove_keyboard": True}}


def transfer_to_queue(queue_id: int) -> Item:
    """The command that hands the conversation to agents."""
    queue = {"queue_id": queue_id, "queue_name": None}
    return {"type": "cmd", "name": "transfer_to_queue", "queue": queue, "skills": [], "priority": 0}
