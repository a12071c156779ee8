"""The operations on dead letters: look at them, retry them, drop them. Up to a hundred at a time; `after` goes on."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from relay.control.describing import holds
from relay.control.operation import OperationContext, RefusedError
from relay.errors import place_of
from relay.intake.reading import reader_of
from relay.model import Letter, Reading
from relay.settings.channels import Channel
from relay.store.dead_letters import DeadLetter, DeadWish, FoundDead
from relay.store.reviving import Revival, Revived

log = structlog.get_logger()

#: Letters that one call takes.
PAGE: Final = 100


async def dead_list(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Dead letters without their words; the oldest first."""
    found = await context.store.find_dead(_wish(context, parameters))
    return _page(found, [_summary(context, found, letter) for letter in found.letters])


async def dead_show(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """One dead letter; with `words` also what came in and what was to go out."""
    found = await context.store.find_dead(DeadWish(ids=(int(parameters["id"]),)))
    if not found.letters:
        raise RefusedError(f"there is no dead letter {parameters['id']}")
    [letter] = found.letters
    shown = _summary(context, found, letter)
    shown["holds"] = holds(letter.direction, letter.body, letter.letter_body)
    if parameters.get("words"):
        shown |= {"delivery": letter.body, "letter": letter.letter_body}
    return shown


async def dead_retry(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Map dead letters anew and let them wait again, in the order in which they were accepted."""
    found = await context.store.find_dead(_wish(context, parameters))
    readers = {
        channel.key: reader_of(channel, await context.store.all_owners(channel.key)) for channel in context.channels
    }
    wishes = [Revival(letter.id, _reading(readers, letter)) for letter in found.letters]
    revived = await asyncio.gather(*map(context.store.revive, wishes))
    for key, direction in {(letter.channel, letter.direction) for letter in found.letters}:
        context.wake(key, direction)
    return _page(found, [_fate(letter, fate) for letter, fate in zip(found.letters, revived, strict=True)])


async def dead_drop(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Throw dead letters away for good."""
    found = await context.store.find_dead(_wish(context, parameters))
    dropped = await asyncio.gather(*(context.store.drop(letter.id) for letter in found.letters))
    fates = [Revived("gone", "" if done else "somebody was faster") for done in dropped]
    return _page(found, [_fate(letter, fate) for letter, fate in zip(found.letters, fates, strict=True)])


def _wish(context: OperationContext, parameters: Mapping[str, Any]) -> DeadWish:
    channel = parameters.get("channel")
    return DeadWish(
        channel=None if channel is None else context.channel(channel).key,
        ids=tuple(parameters.get("ids") or ()),
        client=parameters.get("client"),
        direction=parameters.get("direction"),
        reason=parameters.get("reason"),
        older_than=parameters.get("older_than"),
        newer_than=parameters.get("newer_than"),
        after=parameters.get("after", 0),
        limit=min(parameters.get("limit", PAGE), PAGE),
    )


def _reading(readers: Mapping[str, Callable[[Letter], Reading]], letter: DeadLetter) -> Reading | None:
    """What the letter says today; None when it cannot be told: then what was to be delivered is tried as it is."""
    if letter.letter_body is None or letter.source == "relay":
        return None
    try:
        return readers[letter.channel](Letter(letter.channel, letter.source, letter.source_id, letter.letter_body))
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one letter, the others go on
        log.warning("letter.unreadable", delivery=letter.id, error=place_of(error))
        return None


def _page(found: FoundDead, letters: list[dict[str, Any]]) -> dict[str, Any]:
    return {"total": found.total, "letters": letters, "after": found.letters[-1].id if found.letters else None}


def _summary(context: OperationContext, found: FoundDead, letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "channel": _label(context.channels, letter.channel),
        "direction": letter.direction,
        "client": letter.client_id,
        "chat": letter.chat_id,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "steps_done": letter.steps_done,
        "age": max(0.0, found.at - letter.died_at),
        "accepted_at": letter.accepted_at,
        "died_at": letter.died_at,
        "received_at": letter.received_at,
        "source": letter.source,
        "source_id": letter.source_id,
    }


def _label(channels: Sequence[Channel], key: str) -> str:
    return next((channel.label for channel in channels if channel.key == key), key)


def _fate(letter: DeadLetter, revived: Revived) -> dict[str, Any]:
    return {"id": letter.id, "fate": revived.fate, "reason": revived.reason}
