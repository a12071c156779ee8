"""Clients to whom agents write though they have never written to the bot: their agents are told so, once.

After the retention time they are told again: that is also when it stops to be counted.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from relay.store.engine.sql import insert, keys, listed
from relay.store.engine.tables import unknown_client

#: Channel and client id.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class UnknownClients:
    """How many there are of a channel."""

    clients: int = 0
    messages: int = 0  #: Of agents, to them.
    newest: float | None = None  #: Unix time of the last one.


def recall_told(tx: Connection, wanted: Iterable[Key]) -> set[Key]:
    """Of which of these clients agents have been told that they are not known."""
    asked = set(wanted)
    if not asked:
        return set()
    return {(channel, client_id) for channel, client_id in tx.execute(_TOLD, {"wanted": keys(asked)})}


def write_unknown(tx: Connection, now: float, messages: Iterable[Key]) -> None:
    """Count agents' messages to clients who are not known."""
    values = [
        {"channel": channel, "client_id": client_id, "messages": number, "told_at": now, "last_at": now}
        for (channel, client_id), number in Counter(messages).items()
    ]
    if values:
        tx.execute(_WRITE, values)


def find_unknown(tx: Connection, channel: str) -> UnknownClients:
    """How many there are of a channel."""
    return UnknownClients(*tx.execute(_COUNT, {"of_channel": channel}).one())


_TOLD = select(unknown_client.c.channel, unknown_client.c.client_id).select_from(
    listed(unknown_client, unknown_client.c.channel, unknown_client.c.client_id)
)
_unknown = insert(unknown_client)
_WRITE = _unknown.on_conflict_do_update(
    index_elements=["channel", "client_id"],
    set_={"messages": unknown_client.c.messages + _unknown.excluded.messages, "last_at": _unknown.excluded.last_at},
)
_COUNT = select(
    func.count(), func.coalesce(func.sum(unknown_client.c.messages), 0), func.max(unknown_client.c.last_at)
).where(unknown_client.c.channel == bindparam("of_channel"))
