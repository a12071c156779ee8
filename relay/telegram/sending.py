"""One step, one Bot API call: how a `relay.steps.Step` reaches a chat."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

import structlog
from telegram import Bot

from relay.model import Address, is_id
from relay.steps import (
    EditText,
    Instead,
    LeaveChat,
    MarkRead,
    SendAlbum,
    SendContact,
    SendFile,
    SendLocation,
    SendText,
    SendVenue,
    Step,
)
from relay.telegram.actions import REFRESH, showing
from relay.telegram.api import BadContent, ThreadGone, call
from relay.telegram.chats import leave_chat, mark_read
from relay.telegram.download import FileFetcher
from relay.telegram.uploading import fetched, fetched_together, send_album, send_file

_Card = SendLocation | SendVenue | SendContact
#: A call that is only short of its keyboard. Returns Telegram's answer.
_SendWith = Callable[[Mapping[str, object]], Awaitable[object]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Manner:
    """How a channel's messages are sent."""

    link_previews: bool = True
    upload_limit: int = 50 * 2**20  #: Bytes of a file that Telegram takes.
    refresh: float = REFRESH  #: Seconds after which it is shown again that a file is on its way.


USUAL: Final = Manner()


async def send_step(
    bot: Bot,
    fetcher: FileFetcher,
    address: Address,
    step: Step,
    leave: Callable[[], None] = lambda: None,
    manner: Manner = USUAL,
) -> tuple[int, ...] | Instead:
    """Carry out the step. Returns the ids of the messages when Telegram has confirmed them, in their order.

    `leave` is called when a step's files are there, and leave for Telegram. Of an album whose files cannot stand
    together nothing is sent: what to do instead is returned. What was to go into a thread that the customer has deleted
    goes into the chat.

    Raises relay.errors: Uncertain when the request was sent and its answer lost, NotAccepted when another attempt is
    pointless. Whoever cancels it does not know whether the message was sent, unless a file had not left yet.
    """
    try:
        return await _send(bot, fetcher, address, step, leave, manner)
    except ThreadGone as error:
        if address.message_thread_id is None:
            raise
        log.info("step.sent_without_thread", chat_id=address.chat_id, reason=str(error))
        return await _send(bot, fetcher, replace(address, message_thread_id=None), step, leave, manner)


async def _send(
    bot: Bot, fetcher: FileFetcher, address: Address, step: Step, leave: Callable[[], None], manner: Manner
) -> tuple[int, ...] | Instead:
    match step:
        case MarkRead():
            return await mark_read(bot, address, step)
        case LeaveChat():
            return await leave_chat(bot, address, step)
        case SendAlbum(items):
            async with (
                showing(bot, address, items[0].kind, manner.refresh),
                fetched_together(fetcher, items, manner.upload_limit) as files,
            ):
                if isinstance(files, Instead):
                    return files
                leave()
                sent = await send_album(bot, address, files)
        case SendFile():
            async with (
                showing(bot, address, step.kind, manner.refresh),
                fetched(fetcher, step, manner.upload_limit) as ready,
            ):
                leave()
                sent = await _with_keyboard(address, step, partial(send_file, bot, address, ready))
        case SendText():
            sent = await _with_keyboard(address, step, partial(_send_text, bot, address, step, manner))
        case EditText():
            sent = await _edit_text(bot, address, step)
        case SendContact() | SendVenue() | SendLocation():
            sent = await _with_keyboard(address, step, partial(_send_card, bot, address, step))
        case _:
            assert_never(step)
    return sent if isinstance(sent, Instead) else _ids(sent)


def _ids(sent: object) -> tuple[int, ...]:
    """The ids in Telegram's answer: a message, or the messages of an album. None for what is no id: it was sent."""
    messages = sent if isinstance(sent, list) else [sent]
    return tuple(
        [
            message["message_id"]
            for message in messages
            if isinstance(message, dict) and is_id(message.get("message_id"))
        ]
    )


async def _with_keyboard(address: Address, step: SendText | SendFile | _Card, send: _SendWith) -> object:
    """Send with the step's keyboard; if it is that which Telegram does not take, without it."""
    if step.reply_markup is None:
        return await send({})
    try:
        return await send({"reply_markup": step.reply_markup})
    except BadContent as error:
        if not error.blames_keyboard:
            raise
        log.warning("step.sent_without_keyboard", chat_id=address.chat_id, reason=str(error))
        return await send({})


async def _send_text(bot: Bot, address: Address, step: SendText, manner: Manner, more: Mapping[str, object]) -> object:
    text: dict[str, object] = {**address.parameters(), "text": step.text}
    if not manner.link_previews:
        text["link_preview_options"] = {"is_disabled": True}
    return await call(bot, "sendMessage", {**text, **more})


async def _edit_text(bot: Bot, address: Address, step: EditText) -> object:
    parameters = {"chat_id": address.chat_id, "message_id": step.message_id, "text": step.text}
    if address.business_connection_id is not None:
        parameters["business_connection_id"] = address.business_connection_id
    try:
        await call(bot, "editMessageText", parameters)
    except BadContent as error:
        # Deleted, too old, or it says that already: there is nothing to change any more.
        log.info("step.not_edited", chat_id=address.chat_id, reason=str(error))
    return None


async def _send_card(bot: Bot, address: Address, card: _Card, more: Mapping[str, object]) -> object:
    method, parameters, words = _card(card)
    try:
        return await call(bot, method, {**address.parameters(), **parameters, **more})
    except BadContent as error:
        if error.blames_keyboard:
            raise
        # A number or an address that Telegram does not take still says what it says.
        log.info("step.sent_in_words", chat_id=address.chat_id, method=method, reason=str(error))
        return await call(bot, "sendMessage", {**address.parameters(), "text": words, **more})


def _card(card: _Card) -> tuple[str, dict[str, object], str]:
    """Method, parameters, and the same in words."""
    match card:
        case SendContact(number, first, last):
            names = {"first_name": first, "last_name": last}
            return "sendContact", {"phone_number": number, **names}, f"{first} {last or ''}".rstrip() + f"\n{number}"
        case SendVenue(latitude, longitude, title, address):
            point = {"latitude": latitude, "longitude": longitude}
            return "sendVenue", {**point, "title": title, "address": address}, f"{address}\n{latitude}, {longitude}"
        case SendLocation(latitude, longitude):
            return "sendLocation", {"latitude": latitude, "longitude": longitude}, f"{latitude}, {longitude}"
        case _:
            assert_never(card)
