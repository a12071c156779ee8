"""Steps that change how a chat stands: read marks, and leaving."""

import structlog
from telegram import Bot

from relay.errors import NotAccepted, RelayError
from relay.model import Address
from relay.steps import LeaveChat, MarkRead
from relay.telegram.api import BadContent, call

log = structlog.get_logger()


async def mark_read(bot: Bot, address: Address, step: MarkRead) -> tuple[int, ...]:
    """Mark the customer's messages as read. A courtesy: the answer behind it must not fail or wait because of it."""
    where = {"business_connection_id": address.business_connection_id, "chat_id": address.chat_id}
    try:
        await call(bot, "readBusinessMessage", {**where, "message_id": step.message_id}, read_timeout=5.0)
    except RelayError as error:
        log.info("step.not_marked_read", chat_id=address.chat_id, reason=str(error))
    return ()


async def leave_chat(bot: Bot, address: Address, step: LeaveChat) -> tuple[int, ...]:
    """Leave, with a word if it may be said. Raises relay.errors as `send_step` does."""
    if step.words is not None:
        try:
            await call(bot, "sendMessage", {"chat_id": address.chat_id, "text": step.words})
        except NotAccepted as error:
            log.info("step.left_without_a_word", chat_id=address.chat_id, reason=str(error))
    try:
        await call(bot, "leaveChat", {"chat_id": address.chat_id})
    except BadContent:
        raise
    except NotAccepted as error:  # 403: somebody has thrown it out already
        log.info("step.left_already", chat_id=address.chat_id, reason=str(error))
    return ()
