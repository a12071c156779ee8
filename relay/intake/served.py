"""Whose Business accounts are served: anybody on Telegram can connect the bot to theirs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from relay.intake.numbers import as_object, told_in
from relay.mapping.event.events import KitContext
from relay.mapping.text.text import clean
from relay.mapping.to_kit.business import read_connection
from relay.model import Declined, Outcome, Unreadable

_LONGEST_ID: Final = 255


def connection_in(update: Mapping[str, Any]) -> str | None:
    """The Business connection that an update comes through; None for an update that comes through none."""
    told = told_in(update)
    for message in (told, as_object(told.get("message"))):
        connection_id = message.get("business_connection_id")
        if isinstance(connection_id, str):
            return clean(connection_id)[:_LONGEST_ID]
    return None


def not_served(update: Mapping[str, Any], context: KitContext) -> Outcome | None:
    """Why an update of a Business account is not served; None if it is, or is none of such an account."""
    if not context.served_owners:
        return None
    for owner in _owners(update, context):
        if owner is None:
            # A dead letter, since it may be one of those who are served: retried, it is asked again.
            return Unreadable("whose Business account it is could not be found out, and not everybody's is served")
        if owner not in context.served_owners:
            return Declined("a Business account whose owner is not in RELAY_BUSINESS_OWNERS", counted="foreign_owner")
    return None


def _owners(update: Mapping[str, Any], context: KitContext) -> Iterator[int | None]:
    told = update.get("business_connection")
    connection = read_connection(told) if isinstance(told, dict) else None
    if connection is not None:
        yield connection.user_id
    if (connection_id := connection_in(update)) is not None:
        yield context.owners.get(connection_id)
