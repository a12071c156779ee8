"""The bot as the rest of the relay sees it: raw calls in, plain values or `relay.errors` out.

Calls are raw (`call`), not PTB's typed methods, for two reasons: a Message that PTB cannot parse must not turn a
success into a failure, and nobody reads the answers, while parsing them costs as much as the rest of the call.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
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

from relay.errors import CredentialsRefused, Down, NotAccepted, Throttled, Unavailable, Uncertain
from relay.telegram.refusals import is_too_large, refusal
from relay.telegram.request import AiohttpRequest, FloodWait, NotReached, TooLarge, open_session

_CAPITAL: Final = re.compile("(?=[A-Z])")
#: As Telegram speaks of keyboards: "BUTTON_URL_INVALID", "can't parse inline keyboard button: …", "… reply markup".
_KEYBOARD: Final = re.compile("button|keyboard|reply.?markup", re.IGNORECASE)


class BadContent(NotAccepted):
    """400: the content, not the chat's state, may be at fault. Worth one try in another form."""

    @property
    def blames_keyboard(self) -> bool:
        """Whether it is the keyboard under the message that is not taken."""
        return _KEYBOARD.search(str(self)) is not None


class ChatMoved(NotAccepted):
    """The group became a supergroup, which has another id."""

    def __init__(self, message: str, *, new_chat_id: int) -> None:
        super().__init__(message, why="chat_gone")
        self.new_chat_id = new_chat_id


class ThreadGone(NotAccepted):
    """400: the chat is there, and the thread in it is not any more."""


class PolledElsewhere(Unavailable):
    """409: another instance polls this bot, or a webhook is set."""


class TokenRefused(CredentialsRefused):
    """Telegram does not know this token (any more). Only the operator can help."""


def open_bot(
    token: str,
    api_url: str,
    session: aiohttp.ClientSession,
    *,
    connect_timeout: float = 10.0,
    read_timeout: float = 30.0,
) -> Bot:
    """A bot over `session` (see `request.open_session`), usable at once: nothing is asked of Telegram here.

    `bot.initialize()` is not called and need not be: it would call getMe, and the relay starts while Telegram is down.
    So `bot.id` and `bot.username` are not to be used; the id is the part of the token before the colon.
    `api_url` has no slash at its end, e.g. https://api.telegram.org.
    """
    # At DEBUG, PTB logs the token (in its base URL) and every message's text. These two levels keep it from that,
    # whatever the root logger's level is.
    for name in ("telegram", "telegram.Bot"):
        logging.getLogger(name).setLevel(logging.WARNING)
    transport = AiohttpRequest(session, connect_timeout=connect_timeout, read_timeout=read_timeout)
    return Bot(
        token,
        base_url=f"{api_url}/bot",
        base_file_url=f"{api_url}/file/bot",
        request=transport,
        get_updates_request=transport,
    )


#: Seconds in which a probe must have a connection.
PROBE_CONNECT: Final = 3.0


async def probe(token: str, api_url: str, seconds: float, *, proxy: str = "") -> None:
    """Find out in so many seconds whether Telegram answers, by `proxy` if there is one. Raises relay.errors.

    On a connection of its own, since a kept one may have died in silence.
    """
    limits = {"connect_timeout": PROBE_CONNECT, "read_timeout": seconds - PROBE_CONNECT}
    async with open_session(proxy) as session:
        await call(open_bot(token, api_url, session, **limits), "getMe", {})


async def call(bot: Bot, method: str, parameters: Mapping[str, object], *, read_timeout: float | None = None) -> Any:  # noqa: ANN401 - whatever JSON the method answers
    """Call a Bot API method by its name, e.g. "sendMessage", with plain JSON. Returns its `result`, raw.

    `read_timeout` is seconds; None leaves the transport's. Raises relay.errors.
    """
    transport = bot.request
    if not isinstance(transport, AiohttpRequest):
        raise TypeError("a bot that `open_bot` has not made")
    with Translated():
        return await transport.call(f"{bot.base_url}/{method}", parameters, read_timeout)


async def upload(bot: Bot, method: str, parameters: Mapping[str, object], *, write_timeout: float) -> Any:  # noqa: ANN401
    """The same with files among the parameters, which are PTB's objects. `write_timeout`: see AiohttpRequest."""
    with Translated():
        # PTB turns send_Photo into sendPhoto; spelt sendPhoto, it warns that the bot has such a method.
        return await bot.do_api_request(_CAPITAL.sub("_", method), dict(parameters), write_timeout=write_timeout)


class Translated:
    """PTB's errors, raised inside, leave as relay.errors, without cause or context: those may show the token."""

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise in its place what it means."""
        if isinstance(error, TelegramError):
            raise _translate(error) from None


def _translate(error: TelegramError) -> NotAccepted | Unavailable:  # noqa: C901, PLR0911, PLR0912 - one per kind of error
    # The order matters: BadRequest and TimedOut are NetworkErrors.
    match error:
        case FloodWait(seconds=seconds):
            return Throttled("Telegram asked to wait", retry_after=seconds)
        case ChatMigrated(new_chat_id=new_chat_id):
            return ChatMoved("Telegram: the group became a supergroup with another id", new_chat_id=new_chat_id)
        case Forbidden():
            return refusal(error.message) or NotAccepted(f"Telegram: {error.message}", why="other")
        case TooLarge():
            return NotAccepted(f"Telegram: {error.message}", why="file_too_large")
        case BadRequest() if "thread not found" in error.message.lower():
            return ThreadGone(f"Telegram: {error.message}", why="chat_gone")
        case BadRequest():
            why = "file_too_large" if is_too_large(error.message) else None
            return refusal(error.message) or BadContent(f"Telegram: {error.message}", why=why)
        case InvalidToken() | EndPointNotFound():
            return TokenRefused("Telegram refused the bot token")
        case Conflict() if "webhook" in error.message:
            return PolledElsewhere("a webhook is set for this bot")
        case Conflict():
            return PolledElsewhere("another instance polls this bot")
        case TimedOut():
            return Uncertain(f"Telegram: {error.message}")
        case NotReached():
            return Down(f"Telegram: {error.message}")
        case NetworkError():
            return Unavailable(f"Telegram: {error.message}")
        case _:
            return Unavailable(f"Telegram: unexpected {type(error).__name__}")
