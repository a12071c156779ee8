"""What Telegram's refusals mean, by its words: it gives no codes. Pure.

The words are those of the official server, https://github.com/tdlib/telegram-bot-api (`Client.cpp`) and of Telegram's
own errors, https://core.telegram.org/method/messages.sendMessage#possible-errors, which come through in capitals.
"""

from typing import Final

from relay.errors import NotAccepted, Unreachable

#: Nobody is there: a part of Telegram's words in small letters, and what an agent is told.
_UNREACHABLE: Final = (
    ("bot was blocked by the user", "blocked"),
    ("user_is_blocked", "blocked"),
    ("user is deactivated", "deactivated"),
    ("input_user_deactivated", "deactivated"),
    ("bot was kicked", "chat_gone"),
    ("bot is not a member", "chat_gone"),
    ("bot can't initiate conversation", "chat_gone"),
    ("chat not found", "chat_gone"),
    ("user not found", "chat_gone"),
    ("peer_id_invalid", "chat_gone"),
    ("group chat was deactivated", "chat_gone"),
    ("group chat was deleted", "chat_gone"),
    ("channel_private", "chat_gone"),
    ("can't send messages to bots", "no_rights"),
    ("can't send messages to the bot", "no_rights"),
)
#: Somebody is there, and this is not taken.
_NOT_ACCEPTED: Final = (
    ("business_connection_invalid", "no_business_rights"),
    ("business_connection_not_allowed", "no_business_rights"),
    ("business_peer_invalid", "no_business_rights"),
    ("business_peer_usage_missing", "no_business_rights"),
    ("business connection not found", "no_business_rights"),
    # In a Business account's chat it is the owner who withholds rights; `policy` knows where a delivery goes.
    ("bot_access_forbidden", "no_rights"),
    ("not enough rights", "no_rights"),
    ("have no rights to send", "no_rights"),
    ("have no write access", "no_rights"),
    ("need administrator rights", "no_rights"),
    ("chat_write_forbidden", "no_rights"),
    ("chat_send_plain_forbidden", "no_rights"),
    ("chat_guest_send_forbidden", "no_rights"),
    ("chat_admin_required", "no_rights"),
    ("chat_restricted", "no_rights"),
    ("user_banned_in_channel", "no_rights"),
)
_TOO_LARGE: Final = ("request entity too large", "file is too big", "file too large")


def refusal(message: str) -> NotAccepted | None:
    """The error that these words stand for; None when it is not the chat that they speak of."""
    words = message.lower()
    for part, why in _UNREACHABLE:
        if part in words:
            return Unreachable(f"Telegram: {message}", why=why)
    for part, why in _NOT_ACCEPTED:
        if part in words:
            return NotAccepted(f"Telegram: {message}", why=why)
    return None


def is_too_large(message: str) -> bool:
    """Whether it is a file's size that is refused."""
    return any(part in message.lower() for part in _TOO_LARGE)
