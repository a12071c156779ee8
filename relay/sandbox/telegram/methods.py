"""Which parameters each method takes and of what type.

Anything else is refused: a misspelt parameter, which the real server ignores in silence, is a mistake that a test
should see.

https://core.telegram.org/bots/api#available-methods (Bot API 10.0)
"""

import json
import re
from collections.abc import Callable
from typing import Any

from relay.sandbox.telegram.call import Incoming
from relay.sandbox.telegram.refusal import Refused, bad_request

_ANY_SEND = (
    "business_connection_id chat_id message_thread_id direct_messages_topic_id disable_notification protect_content"
    " allow_paid_broadcast message_effect_id suggested_post_parameters reply_parameters reply_markup"
)
_CAPTION = "caption parse_mode caption_entities"

_METHODS = {
    "getMe": "",
    "getUpdates": "offset limit timeout allowed_updates",
    "setWebhook": "url certificate ip_address max_connections allowed_updates drop_pending_updates secret_token",
    "deleteWebhook": "drop_pending_updates",
    "getWebhookInfo": "",
    "getFile": "file_id",
    "getChat": "chat_id",
    "getUserProfilePhotos": "user_id offset limit",
    "sendMessage": f"{_ANY_SEND} text parse_mode entities link_preview_options",
    "sendPhoto": f"{_ANY_SEND} {_CAPTION} photo show_caption_above_media has_spoiler",
    "sendVideo": f"{_ANY_SEND} {_CAPTION} video duration width height thumbnail cover start_timestamp"
    " show_caption_above_media has_spoiler supports_streaming",
    "sendAnimation": f"{_ANY_SEND} {_CAPTION} animation duration width height thumbnail show_caption_above_media"
    " has_spoiler",
    "sendAudio": f"{_ANY_SEND} {_CAPTION} audio duration performer title thumbnail",
    "sendVoice": f"{_ANY_SEND} {_CAPTION} voice duration",
    "sendDocument": f"{_ANY_SEND} {_CAPTION} document thumbnail disable_content_type_detection",
    "sendVideoNote": f"{_ANY_SEND} video_note duration length thumbnail",
    "sendSticker": f"{_ANY_SEND} sticker emoji",
    "sendMediaGroup": "business_connection_id chat_id message_thread_id direct_messages_topic_id media"
    " disable_notification protect_content allow_paid_broadcast message_effect_id reply_parameters",
    "sendLocation": f"{_ANY_SEND} latitude longitude horizontal_accuracy live_period heading proximity_alert_radius",
    "sendVenue": f"{_ANY_SEND} latitude longitude title address foursquare_id foursquare_type google_place_id"
    " google_place_type",
    "sendContact": f"{_ANY_SEND} phone_number first_name last_name vcard",
    "sendChatAction": "business_connection_id chat_id message_thread_id action",
    "answerCallbackQuery": "callback_query_id text show_alert url cache_time",
    "editMessageText": "business_connection_id chat_id message_id text parse_mode entities link_preview_options"
    " reply_markup",
    "leaveChat": "chat_id",
    "getBusinessConnection": "business_connection_id",
    "readBusinessMessage": "business_connection_id chat_id message_id",
    "getMyCommands": "scope language_code",
    "setMyCommands": "commands scope language_code",
    "getMyDescription": "language_code",
    "setMyDescription": "description language_code",
    "getMyShortDescription": "language_code",
    "setMyShortDescription": "short_description language_code",
    "setChatMenuButton": "chat_id menu_button",
}
METHODS: dict[str, frozenset[str]] = {name: frozenset(takes.split()) for name, takes in _METHODS.items()}

_TYPES = {
    "integer": "message_thread_id direct_messages_topic_id offset limit max_connections user_id duration width height"
    " start_timestamp length live_period heading proximity_alert_radius message_id cache_time timeout",
    "number": "latitude longitude horizontal_accuracy",
    "boolean": "disable_notification protect_content allow_paid_broadcast drop_pending_updates show_alert has_spoiler"
    " show_caption_above_media supports_streaming disable_content_type_detection",
    "object": "suggested_post_parameters reply_parameters reply_markup link_preview_options scope menu_button",
    "array": "allowed_updates entities caption_entities media commands",
}

_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", re.ASCII)


def _integer(value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise ValueError


def _number(value: object) -> float:
    if type(value) in (int, float):
        return float(str(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    raise ValueError


def _boolean(value: object) -> bool:
    # Forms carry "true" or "1"; JSON its own booleans.
    if value in (True, "true", "True", "1"):
        return True
    if value in (False, "false", "False", "0"):
        return False
    raise ValueError


def _structure(kind: type) -> Callable[[object], object]:
    def read(value: object) -> object:
        decoded = json.loads(value) if isinstance(value, str) else value
        if not isinstance(decoded, kind):
            raise ValueError  # noqa: TRY004 - one error for every reader
        return decoded

    return read


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - one error for every reader
    value.encode()  # a lone surrogate is a ValueError too: the API takes UTF-8 only
    return value


_READERS: dict[str, Callable[[object], object]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "object": _structure(dict),
    "array": _structure(list),
}
_TYPE_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}


def check_parameters(call: Incoming) -> dict[str, Any]:
    """The parameters in their own types. Raises Refused: 404 for an unknown method, 400 naming what is wrong."""
    takes = METHODS.get(call.method)
    if takes is None:
        raise Refused(404, "Not Found")
    params: dict[str, Any] = {}
    for name, value in call.params.items():
        if name not in takes:
            raise bad_request(f'{call.method} has no parameter "{name}"')
        if name == "chat_id":
            params[name] = _chat_id(value)
            continue
        kind = _TYPE_OF.get(name, "text")
        try:
            params[name] = _READERS.get(kind, _text)(value)
        except (ValueError, RecursionError):
            raise bad_request(f'parameter "{name}" must be of type {kind}') from None
    return params


def _chat_id(value: object) -> int:
    try:
        return _integer(value)
    except ValueError:
        raise bad_request("chat not found") from None


def needed(params: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - parameters are of every type
    """A parameter that must be there. Raises Refused (400)."""
    if name not in params:
        raise bad_request(f'parameter "{name}" is required')
    return params[name]


def utf16_length(text: str) -> int:
    """UTF-16 code units, in which Telegram counts."""
    return len(text.encode("utf-16-le")) // 2
