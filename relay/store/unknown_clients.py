"""Clients to whom agents write though they have never written to the bot: their agents are told so, once.

After the retention time they are told again.
"""

from collections.abc import Iterable

from sqlalchemy import select

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, listed
from relay.store.engine.tables import unknown_client

#: Channel and client id.
Key = tuple[str, str]


def recall_told(tx: Connection, wanted: Iterable[Key]) -> set[Key]:
    """Of which of these clients agents have been told that they are not known."""
    return {(channel, client_id) for channel, client_id in tx.execute(_TOLD, {"wanted": keys(wanted)})}


def write_told(tx: Connection, now: float, told: Iterable[Key]) -> None:
    """Remember of which clients agents are told in this transaction."""
    values = [{"channel": channel, "client_id": client_id, "told_at": now} for channel, client_id in told]
    if values:
        tx.execute(_WRITE, values)


_TOLD = select(unknown_client.c.channel, unknown_client.c.client_id).select_from(
    listed(unknown_client, unknown_client.c.channel, unknown_client.c.client_id)
)
_WRITE = insert(unknown_client).on_conflict_do_nothing()
