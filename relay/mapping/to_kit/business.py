"""Telegram Business: the bot's connections to accounts, and what is deleted in their chats. Pure.

https://core.telegram.org/bots/api#businessconnection
"""

from typing import Any

from telegram import BusinessConnection as Told
from telegram import BusinessMessagesDeleted, Update

from relay.mapping.event.clients import sender_of
from relay.mapping.event.events import KitContext, Origin
from relay.mapping.event.notes import note
from relay.mapping.event.origins import Owners, business_client
from relay.mapping.text.language import say
from relay.mapping.text.text import clean
from relay.mapping.to_kit.deletions import deletion_wants, map_deletion
from relay.model import Accepted, BusinessConnection, Declined, Known, Outcome, Wants, is_id


def connection_wants(told: Told, _: Owners) -> Wants:
    """What mapping a connection needs to know: how it stood, and who is talked to in the account."""
    return Wants(owner=told.user.id) if is_id(told.user.id) else Wants()


def map_connection(update: Update, told: Told, context: KitContext, known: Known) -> Outcome:
    """A connection that was made, changed or withdrawn: agents are told when answers get through no more, or again."""
    connection, before = read_connection(told.to_dict()), known.connection
    if connection is None:
        return Declined("a business connection with an id that Telegram cannot have given")
    if before is not None and before.enabled and before.id != connection.id and not connection.enabled:
        return Declined("an earlier business connection of the account has ended", connection=connection)
    could = before is None or before.may_reply
    if could == connection.may_reply:
        return Declined("a business connection: agents can answer as before", connection=connection)
    text = say("note.business_on" if connection.may_reply else "note.business_off")
    notes = [note(context, client, update.update_id, text) for client in known.open_clients]
    if not notes:
        return Declined("a business connection: no conversation is open in the account", connection=connection)
    return Accepted(notes[0], more=tuple(notes[1:]), connection=connection)


def read_connection(raw: dict[str, Any]) -> BusinessConnection | None:
    """The connection in Telegram's words as ours; None for one that no database could hold."""
    connection_id, user, chat_id = clean(raw.get("id")), raw.get("user"), raw.get("user_chat_id")
    user_id = user.get("id") if isinstance(user, dict) else None
    if not 0 < len(connection_id) <= 255 or not is_id(user_id) or not is_id(chat_id):
        return None
    given = raw.get("rights")
    rights = {clean(name): True for name, on in given.items() if on is True} if isinstance(given, dict) else {}
    return BusinessConnection(connection_id, user_id, chat_id, raw.get("is_enabled") is True, rights)


def deleted_wants(deleted: BusinessMessagesDeleted, owners: Owners) -> Wants:
    """What mapping a deletion needs to know: what the messages said."""
    return deletion_wants(_client_of(deleted, owners), deleted.message_ids)


def map_deleted(update: Update, deleted: BusinessMessagesDeleted, context: KitContext, known: Known) -> Outcome:
    """Messages that the customer, or the owner, deleted."""
    client, ids = known.client, [number for number in deleted.message_ids if is_id(number)]
    if client is None or not client.open:
        return Declined("deleted in a chat in which no conversation is open")
    if not ids:
        return Declined("a deletion that names no message")
    origin = Origin(update.update_id, ids[0], sender_of(deleted.chat), client.client_id, client.address)
    return map_deletion(origin, ids, context, known)


def _client_of(deleted: BusinessMessagesDeleted, owners: Owners) -> str:
    return business_client(deleted.chat, clean(deleted.business_connection_id), owners)
