"""The operation `trace`: what became of a customer's messages, in the order in which it happened."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from relay.control.operation import OperationContext, RefusedError
from relay.control.steps import concerns, steps_of
from relay.store.tracing import PAGE, Trace, TraceWish

#: Letters that are looked through for a message of one number, at most.
_LOOKED_THROUGH: Final = 20_000


async def trace(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of a client's last letters, of one message, or of one event. Words only with `words`.

    Parameters: `client`, `event`, `message`, `limit` (letters), `words`, `channel`.
    """
    channel = context.channel(parameters.get("channel"))
    client, event, message = (parameters.get(name) for name in ("client", "event", "message"))
    if event is not None:
        found = await _find_event(context, channel.key, event, client)
    elif message is not None:
        found = await _find_message(context, channel.key, message, client)
    else:
        found = await _find_client(context, channel.key, client, parameters.get("limit") or PAGE)
    return {
        "channel": channel.label,
        "client": client or next((each.client_id for each in found.letters if each.client_id), None),
        "steps": steps_of(found, words=bool(parameters.get("words"))),
    }


async def _find_client(context: OperationContext, channel: str, client: str | None, limit: int) -> Trace:
    if client is None:
        raise RefusedError("say which client, or --event")
    found = Trace((), ())
    async for page in _pages(context, channel, client, limit):
        found = Trace((*page.letters, *found.letters), (*page.deliveries, *found.deliveries))
    if not found.letters and not found.deliveries:
        raise RefusedError(f"nothing is known of client {client}: nobody with this id has written lately")
    return found


async def _find_message(context: OperationContext, channel: str, message: str, client: str | None) -> Trace:
    if client is None:
        raise RefusedError("say which client the message is of: a number is unique in one chat only")
    found = Trace((), ())
    async for page in _pages(context, channel, client, _LOOKED_THROUGH):
        told = concerns(page, message)
        found = Trace((*told.letters, *found.letters), (*told.deliveries, *found.deliveries))
    if not found.letters and not found.deliveries:
        raise RefusedError(f"nothing is known of message {message} of client {client}")
    return found


async def _find_event(context: OperationContext, channel: str, event: str, client: str | None) -> Trace:
    found = await context.store.trace(TraceWish(channel, source_id=event))
    if found.letters:
        return found
    if client is None:
        raise RefusedError(f"no event {event} came in. If it is one that went to Kit, say of which client")
    async for page in _pages(context, channel, client, _LOOKED_THROUGH):
        told = concerns(page, event)
        if told.letters or told.deliveries:
            return told
    raise RefusedError(f"nothing is known of event {event} of client {client}")


async def _pages(context: OperationContext, channel: str, client: str, limit: int) -> AsyncIterator[Trace]:
    """The client's letters, the newest first, up to `limit`."""
    wish = TraceWish(channel, client, limit=min(PAGE, limit))
    left = limit
    while True:
        page = await context.store.trace(wish)
        yield page
        left -= len(page.letters)
        if len(page.letters) < wish.limit or left <= 0:
            return
        wish = TraceWish(channel, client, before=page.letters[-1], limit=min(PAGE, left))
