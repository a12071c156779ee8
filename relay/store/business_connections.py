"""Telegram Business accounts: how their connections stand, whom the bot talks to in them, and through which.

An account has one connection to the bot at a time. When its owner changes settings it may be another one, under
another id, while the chats stay the same: so clients belong to the owner, and are answered through today's connection.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from sqlalchemy import bindparam, false, func, select, true, update

from relay.model import BusinessConnection
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, listed
from relay.store.engine.tables import business_connection, client_link, message


@dataclass(slots=True)
class Connections:
    """What is known of the connections of one transaction. Keys begin with the channel."""

    by_id: dict[tuple[str, str], BusinessConnection] = field(default_factory=dict)
    by_owner: dict[tuple[str, int], BusinessConnection] = field(default_factory=dict)  #: Today's, or the last one.
    newest_messages: dict[tuple[str, str], int] = field(default_factory=dict)  #: By client.
    changed: dict[tuple[str, str], BusinessConnection] = field(default_factory=dict)

    def note(self, channel: str, connection: BusinessConnection) -> None:
        """Take note of what Telegram said last."""
        owner = channel, connection.user_id
        self.by_id[channel, connection.id] = self.changed[channel, connection.id] = connection
        before = self.by_owner.get(owner)
        if before is None or before.id == connection.id or connection.enabled or not before.enabled:
            self.by_owner[owner] = connection
        if before is not None and before.id != connection.id and connection.enabled:
            self.by_id[channel, before.id] = replace(before, enabled=False)

    def owned_by(self, channel: str, owner: int) -> set[str]:
        """The ids of an owner's connections, today's and earlier ones."""
        return {
            connection_id
            for (of_channel, connection_id), connection in self.by_id.items()
            if of_channel == channel and connection.user_id == owner
        }


@dataclass(frozen=True, slots=True)
class Met:
    """A connection that Telegram told of when it was asked."""

    channel: str
    connection: BusinessConnection


def recall_connections(tx: Connection, owners: set[tuple[str, int]], ids: set[tuple[str, str]]) -> Connections:
    """All connections of these owners, and those of these ids."""
    found = Connections()
    if owners:
        _take(found, tx.execute(_BY_OWNER, {"wanted": keys(owners)}))
    if ids:
        _take(found, tx.execute(_BY_ID, {"wanted": keys(ids)}))
    return found


def recall_newest_messages(tx: Connection, found: Connections, clients: set[tuple[str, str]]) -> None:
    """The newest message of each of these customers."""
    for channel, client_id, number in tx.execute(_NEWEST, {"wanted": keys(clients)}):
        found.newest_messages[channel, client_id] = number


def clients_of(tx: Connection, owners: set[tuple[str, int]]) -> Iterable[Any]:
    """The rows of clients who talk to these owners' accounts and whose conversation is open."""
    return tx.execute(_OPEN_CLIENTS, {"wanted": keys(owners)})


def write_connections(tx: Connection, now: float, found: Connections) -> None:
    """Write what changed, and let the owners' clients be answered through today's connections."""
    if found.changed:
        _upsert(tx, now, [Met(channel, connection) for (channel, _), connection in found.changed.items()])


def meet_connection(tx: Connection, now: float, met: Sequence[Met]) -> list[None]:
    """Remember connections of which no update told."""
    _upsert(tx, now, met)
    return [None] * len(met)


def find_owners(tx: Connection, _now: float, wanted: Sequence[tuple[str, str]]) -> list[int | None]:
    """The user ids of the owners of connections, each asked for by channel and id; None for an unknown one."""
    known = {(row.channel, row.id): row.user_id for row in tx.execute(_BY_ID, {"wanted": keys(wanted)})}
    return [known.get(key) for key in wanted]


def all_owners(tx: Connection, _now: float, channels: Sequence[str]) -> list[dict[str, int]]:
    """The user ids of all owners whose connections are known, by the ids of these; for each channel."""
    rows = tx.execute(_OF_CHANNELS, {"channels": set(channels)})
    return [{row.id: row.user_id for row in rows if row.channel == channel} for channel in channels]


def _take(found: Connections, rows: Iterable[Any]) -> None:
    for row in rows:  # today's comes last
        connection = BusinessConnection(
            row.id, row.user_id, row.user_chat_id, enabled=row.enabled, rights=orjson.loads(row.rights)
        )
        found.by_id[row.channel, row.id] = found.by_owner[row.channel, row.user_id] = connection


def _upsert(tx: Connection, now: float, met: Sequence[Met]) -> None:
    values = [
        {
            "channel": each.channel,
            "id": each.connection.id,
            "user_id": each.connection.user_id,
            "user_chat_id": each.connection.user_chat_id,
            "rights": orjson.dumps(each.connection.rights).decode(),
            "enabled": each.connection.enabled,
            "updated_at": now,
        }
        for each in met
    ]
    tx.execute(_WRITE, values)
    moved = [
        {"of_channel": each.channel, "of_owner": each.connection.user_id, "through": each.connection.id}
        for each in met
        if each.connection.enabled
    ]
    if moved:
        tx.execute(_END_OTHERS, moved)
        tx.execute(_MOVE, moved)


# Statements are made once: to make one costs more than to run it.
_OF_CHANNELS = select(business_connection).where(
    business_connection.c.channel.in_(bindparam("channels", expanding=True))
)
_BY_ID = (
    select(business_connection)
    .select_from(listed(business_connection, business_connection.c.channel, business_connection.c.id))
    .order_by(business_connection.c.enabled, business_connection.c.updated_at)
)
_BY_OWNER = (
    select(business_connection)
    .select_from(listed(business_connection, business_connection.c.channel, business_connection.c.user_id))
    .order_by(business_connection.c.enabled, business_connection.c.updated_at)
)
_OPEN_CLIENTS = (
    select(client_link)
    .select_from(
        listed(business_connection, business_connection.c.channel, business_connection.c.user_id).join(
            client_link,
            (client_link.c.channel == business_connection.c.channel)
            & (client_link.c.business_connection_id == business_connection.c.id),
        )
    )
    .where(client_link.c.open.is_(true()))
    .order_by(client_link.c.client_id)
)
_NEWEST = (
    select(message.c.channel, message.c.client_id, func.max(message.c.message_id))
    .select_from(listed(message, message.c.channel, message.c.client_id))
    .where(message.c.author == "customer")
    .group_by(message.c.channel, message.c.client_id)
)
_write = insert(business_connection)
_WRITE = _write.on_conflict_do_update(
    index_elements=["channel", "id"],
    set_={name: _write.excluded[name] for name in ("user_id", "user_chat_id", "rights", "enabled", "updated_at")},
)
_END_OTHERS = (
    update(business_connection)
    .where(
        business_connection.c.channel == bindparam("of_channel"),
        business_connection.c.user_id == bindparam("of_owner"),
        business_connection.c.id != bindparam("through"),
    )
    .values(enabled=false())
)
_MOVE = (
    update(client_link)
    .where(
        client_link.c.channel == bindparam("of_channel"),
        client_link.c.business_connection_id.in_(
            select(business_connection.c.id).where(
                business_connection.c.channel == bindparam("of_channel"),
                business_connection.c.user_id == bindparam("of_owner"),
            )
        ),
    )
    .values(business_connection_id=bindparam("through"))
)
