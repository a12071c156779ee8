"""Telegram gives reasons in words only: those of the official server, and its own in capitals."""

import pytest

from relay.errors import NotAccepted, Unreachable
from relay.telegram.refusals import is_too_large, refusal
from relay.words.catalogue import ENGLISH
from tests.words.catalogues import messages

TABLE = [
    ("Forbidden: bot was blocked by the user", Unreachable, "blocked"),
    ("Forbidden: USER_IS_BLOCKED", Unreachable, "blocked"),
    ("Forbidden: user is deactivated", Unreachable, "deactivated"),
    ("Bad Request: INPUT_USER_DEACTIVATED", Unreachable, "deactivated"),
    ("Forbidden: bot was kicked from the group chat", Unreachable, "chat_gone"),
    ("Forbidden: bot was kicked from the supergroup chat", Unreachable, "chat_gone"),
    ("Forbidden: bot is not a member of the supergroup chat", Unreachable, "chat_gone"),
    ("Forbidden: bot can't initiate conversation with a user", Unreachable, "chat_gone"),
    ("Forbidden: the group chat was deleted", Unreachable, "chat_gone"),
    ("Bad Request: group chat was deactivated", Unreachable, "chat_gone"),
    ("Bad Request: chat not found", Unreachable, "chat_gone"),
    ("Bad Request: user not found", Unreachable, "chat_gone"),
    ("Bad Request: PEER_ID_INVALID", Unreachable, "chat_gone"),
    ("Bad Request: BUSINESS_CONNECTION_INVALID", NotAccepted, "no_business_rights"),
    ("Bad Request: BUSINESS_CONNECTION_NOT_ALLOWED", NotAccepted, "no_business_rights"),
    ("Bad Request: BUSINESS_PEER_INVALID", NotAccepted, "no_business_rights"),
    ("Bad Request: BUSINESS_PEER_USAGE_MISSING", NotAccepted, "no_business_rights"),
    ("Bad Request: business connection not found", NotAccepted, "no_business_rights"),
    ("Forbidden: BOT_ACCESS_FORBIDDEN", NotAccepted, "no_rights"),
    ("Bad Request: not enough rights to send text messages to the chat", NotAccepted, "no_rights"),
    ("Bad Request: have no rights to send a message", NotAccepted, "no_rights"),
    ("Bad Request: need administrator rights in the channel chat", NotAccepted, "no_rights"),
    ("Forbidden: CHAT_WRITE_FORBIDDEN", NotAccepted, "no_rights"),
    ("Bad Request: CHAT_WRITE_FORBIDDEN", NotAccepted, "no_rights"),
    ("Bad Request: CHAT_SEND_PLAIN_FORBIDDEN", NotAccepted, "no_rights"),
    ("Bad Request: CHAT_ADMIN_REQUIRED", NotAccepted, "no_rights"),
    ("Bad Request: USER_BANNED_IN_CHANNEL", NotAccepted, "no_rights"),
    ("Forbidden: bot can't send messages to bots", Unreachable, "no_rights"),
    ("Forbidden: bot can't send messages to the bot", Unreachable, "no_rights"),
    ("Bad Request: CHANNEL_PRIVATE", Unreachable, "chat_gone"),
]


@pytest.mark.parametrize(("words", "kind", "why"), TABLE)
def test_who_is_not_there_and_what_may_not_be_sent(words: str, kind: type[NotAccepted], why: str) -> None:
    """Each of Telegram's phrases, in any case of letters, has its error, and a reason that agents can read."""
    for spelling in (words, words.upper(), words.removeprefix("Bad Request: ").removeprefix("Forbidden: ")):
        error = refusal(spelling)
        assert type(error) is kind
        assert error.why == why
        assert spelling in str(error)
    assert f"reason.{why}" in messages(ENGLISH)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: message is too long",
        "Bad Request: PHOTO_INVALID_DIMENSIONS",
        "Bad Request: wrong file identifier/HTTP URL specified",
        "Bad Request: can't parse entities: unsupported start tag",
        "Bad Request: message thread not found",
        "Bad Request: message to be replied not found",
        "Bad Request: VOICE_MESSAGES_FORBIDDEN",
        "Request Entity Too Large",
        "",
    ],
)
def test_what_is_refused_for_itself_says_nothing_about_the_customer(words: str) -> None:
    """A bad content must not make the next replies fail at once."""
    assert refusal(words) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Request Entity Too Large", True),
        ("Bad Request: file is too big", True),
        ("Bad Request: file too large", True),
        ("Bad Request: message is too long", False),
        ("Bad Request: PHOTO_INVALID_DIMENSIONS", False),
    ],
)
def test_a_files_size_is_told_apart(words: str, expected: bool) -> None:  # noqa: FBT001 - a table
    """It has a reason of its own, since a link may help there."""
    assert is_too_large(words) is expected
