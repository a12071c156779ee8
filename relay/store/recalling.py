"""What is remembered, read before letters are mapped and written after it, in a statement for each kind of thing."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import orjson
from sqlalchemy import bindparam, select

from relay.model import Address, Album, Client, Delivery, Said, Wants
from relay.store.business_connections import (
    clients_of,
    recall_connections,
    recall_newest_messages,
    write_connections,
)
from relay.store.engine.connection import Connection, Row
from relay.store.engine.sql import by_key, insert, keys, listed
from relay.store.engine.tables import client_link, deep_link, lane, message, outbox
from relay.store.limits import recall_waiting
from relay.store.memory import Memory, OpenAlbum
from relay.store.ratings import recall_ratings, write_ratings
from relay.store.unknown_clients import recall_told, write_told

#: What is asked of a client: channel, client id, and what a letter wants.
_Asked: TypeAlias = list[tuple[str, str, Wants]]


def recall(tx: Connection, now: float, wanted: Sequence[tuple[str, Wants]]) -> Memory:
    """Read what the letters of one transaction want to know, in a statement for each kind of thing."""
    asked = [(channel, wants.client_id, wants) for channel, wants in wanted if wants.client_id is not None]
    memory = Memory(now)
    owners = {(channel, wants.owner) for channel, wants in wanted if wants.owner is not None}
    if owners:
        memory.clients |= {(row.channel, row.client_id): _client(row) for row in clients_of(tx, owners)}
    if asked:
        _recall_clients(tx, asked, memory)
    if more := [each for each in asked if each[2].is_rare]:
        _recall_more(tx, more, memory)
    _recall_accounts(tx, owners, asked, memory)
    return memory


def _recall_clients(tx: Connection, asked: _Asked, memory: Memory) -> None:
    """What nearly every letter wants to know."""
    for row in tx.execute(*_CLIENTS.of({(channel, client_id) for channel, client_id, _ in asked})):
        memory.clients[row.channel, row.client_id] = _client(row)
        if row.blocked_until is not None:
            memory.limits.blocked_until[row.channel, row.client_id] = row.blocked_until
        if row.closed_at is not None:
            memory.closed_at[row.channel, row.client_id] = row.closed_at
    if limited := {(channel, client_id) for channel, client_id, wants in asked if wants.limits}:
        recall_waiting(tx, limited, memory.limits)
    if untold := {each[:2] for each in asked if each[2].told_unknown and each[:2] not in memory.clients}:
        memory.told_unknown = recall_told(tx, untold)


def _recall_more(tx: Connection, asked: _Asked, memory: Memory) -> None:
    if messages := {(channel, client_id, number) for channel, client_id, wants in asked for number in wants.messages}:
        for row in tx.execute(*_SAID.of(messages)):
            said = Said(row.message_id, row.author, row.text, row.mark)
            memory.said[row.channel, row.client_id, row.message_id] = said
    if albums := {(channel, client_id, wants.album) for channel, client_id, wants in asked if wants.album is not None}:
        _recall_albums(tx, list(albums), memory)
    if links := {(channel, wants.link) for channel, _, wants in asked if wants.link is not None}:
        for row in tx.execute(_LINKS, {"wanted": keys(links)}):
            memory.links[row.channel, row.code] = orjson.loads(row.touch)
    memory.ratings = recall_ratings(
        tx, ((channel, client_id, wants.rating) for channel, client_id, wants in asked if wants.rating is not None)
    )


def _recall_accounts(tx: Connection, owners: set[tuple[str, int]], asked: _Asked, memory: Memory) -> None:
    """What is known of Business accounts: of those that are wanted, and of those that clients write to."""
    answered = {(channel, client_id) for channel, client_id, wants in asked if wants.newest}
    through = {
        (key[0], connection_id)
        for key, client in memory.clients.items()
        if key in answered and (connection_id := client.address.business_connection_id) is not None
    }
    if owners or through:
        memory.connections = recall_connections(tx, owners, through)
    if through:
        recall_newest_messages(tx, memory.connections, answered)


def _recall_albums(tx: Connection, wanted: list[tuple[str, str, str]], memory: Memory) -> None:
    lanes = {(channel, "to_kit", client_id) for channel, client_id, _ in wanted}
    for row in tx.execute(_ALBUMS, {"wanted": keys(lanes), "albums": list({album for *_, album in wanted})}):
        key = row.channel, row.client_id, row.album
        memory.albums[key] = Album(row.parts)
        if row.parts is not None:  # no courier has had it in its hands yet
            memory.open_albums[key] = OpenAlbum(row.accepted_at, row.id)


def write_memory(tx: Connection, now: float, memory: Memory) -> None:
    """Write what has changed of everything that `recall` reads: whatever else is remembered is added in these two."""
    write_clients(tx, now, memory)
    write_connections(tx, now, memory.connections)
    write_said(tx, now, memory)
    write_ratings(tx, now, memory.new_ratings)
    write_told(tx, now, memory.new_told_unknown)


def write_clients(tx: Connection, now: float, memory: Memory) -> None:
    """Write what changed of clients."""
    if memory.new_clients:
        values = [
            {**_client_values(key[0], client, now), "closed_at": memory.closed_at.get(key)}
            for key, client in memory.new_clients.items()
        ]
        tx.execute(_WRITE_CLIENTS, values)


def write_said(tx: Connection, now: float, memory: Memory) -> None:
    """Write what was said."""
    if memory.new_said:
        tx.execute(_WRITE_SAID, [said_values(*key[:2], said, now) for key, said in memory.new_said.items()])


def remember(tx: Connection, now: float, said: Iterable[tuple[Delivery, Iterable[Said]]]) -> None:
    """Write what deliveries have said to their clients."""
    values = [
        said_values(delivery.channel, delivery.client_id, each, now, delivery.id)
        for delivery, group in said
        for each in group
    ]
    if values:
        tx.execute(_WRITE_SAID, values)


def said_values(channel: str, client_id: str, said: Said, now: float, delivery_id: int | None = None) -> dict[str, Any]:
    """A row of the message table. `delivery_id`: of an agent's words, what said them."""
    values = {
        "channel": channel,
        "client_id": client_id,
        "message_id": said.message_id,
        "author": said.author,
        "text": said.text,
        "mark": said.mark,
        "said_at": now,
    }
    return values if delivery_id is None else {**values, "delivery_id": delivery_id}


def read_address(row: Row) -> Address:
    """Where a client is answered, as its link says."""
    return Address(row.chat_id, row.business_connection_id, row.message_thread_id, row.direct_messages_topic_id)


def _client(row: Row) -> Client:
    return Client(
        row.client_id,
        read_address(row),
        open=row.open,
        unreachable=row.unreachable,
        language=row.language,
        profile=orjson.loads(row.profile),
        first_touch=orjson.loads(row.first_touch),
        avatar=row.avatar,
        unreachable_told=row.unreachable_told,
        loss_told=row.loss_told,
        flood_told=row.flood_told,
    )


def _client_values(channel: str, client: Client, now: float) -> dict[str, Any]:
    address = client.address
    return {
        "channel": channel,
        "client_id": client.client_id,
        "chat_id": address.chat_id,
        "business_connection_id": address.business_connection_id,
        "message_thread_id": address.message_thread_id,
        "direct_messages_topic_id": address.direct_messages_topic_id,
        "open": client.open,
        "unreachable": client.unreachable,
        "language": client.language,
        "profile": orjson.dumps(client.profile).decode(),
        "first_touch": orjson.dumps(client.first_touch).decode(),
        "unreachable_told": client.unreachable_told,
        "loss_told": client.loss_told,
        "flood_told": client.flood_told,
        "created_at": now,
    }


# Statements are made once: to make one costs more than to run it.
_CLIENTS = by_key(
    select(
        client_link.c.channel,
        client_link.c.client_id,
        client_link.c.chat_id,
        client_link.c.business_connection_id,
        client_link.c.message_thread_id,
        client_link.c.direct_messages_topic_id,
        client_link.c.open,
        client_link.c.closed_at,
        client_link.c.unreachable,
        client_link.c.unreachable_told,
        client_link.c.language,
        client_link.c.profile,
        client_link.c.first_touch,
        client_link.c.avatar,
        client_link.c.loss_told,
        client_link.c.blocked_until,
        client_link.c.flood_told,
    ),
    client_link,
    client_link.c.channel,
    client_link.c.client_id,
)
_SAID = by_key(select(message), message, message.c.channel, message.c.client_id, message.c.message_id)
_LINKS = select(deep_link).select_from(listed(deep_link, deep_link.c.channel, deep_link.c.code))
# The newest delivery of an album comes last, and so decides.
_ALBUMS = (
    select(
        lane.c.channel,
        lane.c.client_id,
        outbox.c.album,
        outbox.c.id,
        outbox.c.parts,
        outbox.c.accepted_at,
    )
    .select_from(
        listed(lane, lane.c.channel, lane.c.direction, lane.c.client_id).join(outbox, outbox.c.lane_id == lane.c.id)
    )
    .where(outbox.c.album.is_not(None), outbox.c.album.in_(bindparam("albums", expanding=True)))
    .order_by(outbox.c.id)
)
_clients = insert(client_link)
_WRITE_CLIENTS = _clients.on_conflict_do_update(
    index_elements=["channel", "client_id"],
    set_={
        name: _clients.excluded[name]
        for name in (
            "chat_id",
            "business_connection_id",
            "message_thread_id",
            "direct_messages_topic_id",
            "open",
            "unreachable",
            "language",
            "profile",
            "first_touch",
            "closed_at",
            "unreachable_told",
            "loss_told",
            "flood_told",
        )
    },
)
_said = insert(message)
_WRITE_SAID = _said.on_conflict_do_update(
    index_elements=["channel", "client_id", "message_id"],
    set_={"text": _said.excluded.text, "mark": _said.excluded.mark},
)
