import logging

import aiohttp
import pytest
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    TelegramError,
    TimedOut,
)

from relay.errors import NotAccepted, RelayError, Throttled, Unavailable, Uncertain, Unreachable
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.telegram.api import (
    BadContent,
    ChatMoved,
    PolledElsewhere,
    TokenRefused,
    Translated,
    call,
    open_bot,
)
from relay.telegram.request import FloodWait


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (FloodWait(7), Throttled, "wait"),
        (Forbidden("Forbidden: bot was blocked by the user"), Unreachable, "blocked by the user"),
        (Forbidden("Forbidden: something new"), NotAccepted, "something new"),
        (BadRequest("Bad Request: chat not found"), Unreachable, "hat not found"),
        (BadRequest("Bad Request: PHOTO_INVALID_DIMENSIONS"), BadContent, "Photo_invalid"),
        (InvalidToken("Unauthorized"), TokenRefused, "token"),
        (EndPointNotFound("Endpoint 'getUpdates' not found"), TokenRefused, "token"),
        (Conflict("Conflict: terminated by other getUpdates request"), PolledElsewhere, "another instance"),
        (Conflict("Conflict: can't use getUpdates while webhook is active"), PolledElsewhere, "webhook"),
        (TimedOut(), Uncertain, "Timed out"),
        (NetworkError("HTTP 502"), Unavailable, "502"),
        (ChatMigrated(-100123), ChatMoved, "another id"),
        (TelegramError("secret words"), Unavailable, "TelegramError"),
    ],
)
def test_every_error_of_ptb_becomes_one_of_ours(error: TelegramError, expected: type[RelayError], words: str) -> None:
    """Errors are named by what the caller does next; a BadRequest, though a NetworkError, is not tried again."""
    with pytest.raises(RelayError, match=words) as raised, Translated():
        raise error
    assert type(raised.value) is expected
    assert raised.value.__cause__ is None
    assert "secret" not in str(raised.value)


def test_details_survive_the_translation() -> None:
    """The seconds to wait and the chat's new id are kept as numbers."""
    with pytest.raises(Throttled) as throttled, Translated():
        raise FloodWait(7)
    assert throttled.value.retry_after == 7
    with pytest.raises(ChatMoved) as moved, Translated():
        raise ChatMigrated(-100123)
    assert moved.value.new_chat_id == -100123


def test_errors_that_are_not_telegrams_pass_untouched() -> None:
    """A bug stays a bug."""
    with pytest.raises(ZeroDivisionError), Translated():
        raise ZeroDivisionError


async def test_a_call_needs_no_start_up_conversation(telegram: TelegramLookAlike, bot: Bot) -> None:
    """The first thing that Telegram hears is the call itself, by its right name and with native values."""
    customer = telegram.customer()
    customer.writes("hello")
    answer = await call(bot, "sendMessage", {"chat_id": customer.id, "text": "hi", "parse_mode": None})
    assert answer["text"] == "hi"
    assert [(made.method, made.params) for made in telegram.calls] == [
        ("sendMessage", {"chat_id": customer.id, "text": "hi"})
    ]
    assert (await call(bot, "getMe", {}))["is_bot"]


async def test_a_bot_can_be_opened_while_telegram_is_down(session: aiohttp.ClientSession) -> None:
    """Opening asks nothing; the first call says that Telegram is not to be had."""
    bot = open_bot("1:token", "http://127.0.0.1:9", session)
    with pytest.raises(Unavailable) as raised:
        await call(bot, "getMe", {})
    assert not isinstance(raised.value, Uncertain)


async def test_an_answer_that_ptb_could_not_parse_is_still_a_success(telegram: TelegramLookAlike, bot: Bot) -> None:
    """A Message without date, which PTB raises KeyError for, does not turn a sent message into a failure."""
    telegram.faults.answer_next(200, payload={"ok": True, "result": {"message_id": 1}}, on="sendMessage")
    assert await call(bot, "sendMessage", {"chat_id": 1, "text": "hi"}) == {"message_id": 1}


async def test_neither_token_nor_texts_reach_the_log(
    telegram: TelegramLookAlike, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """With everything at DEBUG, opening a bot, a call, a failed call and bad JSON log no token and no words."""
    caplog.set_level(logging.DEBUG)
    bot = open_bot(telegram.token, telegram.url, session)
    customer = telegram.customer()
    customer.writes("hello")
    await call(bot, "sendMessage", {"chat_id": customer.id, "text": "private words"})
    telegram.faults.answer_next(200, body=b"private garbage", on="sendMessage")
    telegram.faults.answer_next(400, body=b"private garbage", on="sendMessage")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await call(bot, "sendMessage", {"chat_id": customer.id, "text": "private words"})
    assert telegram.token not in caplog.text
    assert "private" not in caplog.text


async def test_a_transport_that_is_closed_is_no_fault_of_the_message() -> None:
    """Whatever breaks there, the message is tried again."""
    session = aiohttp.ClientSession()
    await session.close()
    bot = open_bot("123456789:token", "http://127.0.0.1:9", session)
    with pytest.raises(Unavailable, match="unknown error"):
        await call(bot, "sendMessage", {"chat_id": 1, "text": "hi"})
