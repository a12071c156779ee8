r"""How a callback is written: which program writes Kit's JSON is not known, so the look-alike can write like two.

PHP's style is that of the official client: `\/`, `\uXXXX`, and what is unset is left out. Go's is what the platform
behind it most likely writes: what is unset is there all the same, as "", 0, false or null.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

Style = Literal["php", "go"]

_CLIENT: Final[Mapping[str, Any]] = {
    "client_id": "", "client_phone": "", "client_avatar": "", "client_display_name": "", "client_email": "",
    "client_language": "",
}  # fmt: skip
_SENDER: Final[Mapping[str, Any]] = {
    "sender_id": 0, "sender_username": "", "sender_display_name": "", "sender_avatar": "", "sender_email": "",
    "sender_type": "", "is_bot": False,
}  # fmt: skip
_MESSAGE: Final[Mapping[str, Any]] = {"message_id": "", "text": "", "payload": None}
#: What Go's encoder escapes besides what JSON demands.
_ESCAPED: Final = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def php_json(document: Mapping[str, Any], *, pretty: bool = True) -> bytes:
    r"""JSON as the official client writes it: PHP's `json_encode`, with `\/` and `\uXXXX`."""
    layout: dict[str, Any] = {"indent": 4} if pretty else {"separators": (",", ":")}
    return json.dumps(document, **layout).replace("/", "\\/").encode()


def go_json(document: Mapping[str, Any]) -> bytes:
    r"""An event as Go's `encoding/json` writes it: nothing is left out, and `<` is `\u003c`."""
    whole = {**document, "client_data": {**_CLIENT, **document["client_data"]}}
    whole["event_data"] = _with_zeros(document["event_type"], document["event_data"])
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED).encode()


def _with_zeros(event_type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    sender = data.get("sender_data")
    whole = {**data, "sender_data": None if sender is None else {**_SENDER, **sender}}
    if event_type == "send_message":
        whole["message"] = {**_MESSAGE, **data.get("message", {})}
    return whole
