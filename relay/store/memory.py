"""What the store remembers of clients and of what was said: recalled before a letter is mapped, written after it.

Within one transaction a later letter sees what an earlier one changed, as if each had a transaction of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.model import Accepted, Album, Client, Known, Outcome, Rating, Said, Unreadable, Wants
from relay.store.business_connections import Connections
from relay.store.limits import Limits

#: Seconds for which a conversation was closed lately: Kit's callbacks may overtake each other.
_LATELY = 60.0
_NOTHING: Mapping[str, Any] = {}


@dataclass(slots=True)
class OpenAlbum:
    """A delivery that waits for siblings: a row of the outbox, or one that this transaction is about to insert."""

    accepted_at: float
    delivery_id: int | None = None
    values: dict[str, Any] | None = None


@dataclass(slots=True)
class Memory:
    """What is known of the letters of one transaction. Keys begin with the channel."""

    now: float
    clients: dict[tuple[str, str], Client] = field(default_factory=dict)
    closed_at: dict[tuple[str, str], float] = field(default_factory=dict)  #: Of clients without a conversation.
    said: dict[tuple[str, str, int], Said] = field(default_factory=dict)
    albums: dict[tuple[str, str, str], Album] = field(default_factory=dict)
    open_albums: dict[tuple[str, str, str], OpenAlbum] = field(default_factory=dict)
    links: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    connections: Connections = field(default_factory=Connections)
    ratings: dict[tuple[str, str, str], Rating] = field(default_factory=dict)
    told_unknown: set[tuple[str, str]] = field(default_factory=set)
    limits: Limits = field(default_factory=Limits)
    new_clients: dict[tuple[str, str], Client] = field(default_factory=dict)
    new_said: dict[tuple[str, str, int], Said] = field(default_factory=dict)
    new_ratings: dict[tuple[str, str, str], Rating] = field(default_factory=dict)
    new_told_unknown: set[tuple[str, str]] = field(default_factory=set)

    def known(self, channel: str, wants: Wants) -> Known:
        """What one letter wants to know."""
        client_id = wants.client_id
        if client_id is None:
            return Known() if wants.owner is None else self._known_account(channel, wants.owner)
        said: Mapping[int, Said] = _NOTHING  # type: ignore[assignment]  # empty, so of every type
        if wants.messages:
            found = ((number, self.said.get((channel, client_id, number))) for number in wants.messages)
            said = {number: each for number, each in found if each is not None}
        album = None if wants.album is None else self.albums.get((channel, client_id, wants.album))
        touch = _NOTHING if wants.link is None else self.links.get((channel, wants.link), _NOTHING)
        rating = None if wants.rating is None else self.ratings.get((channel, client_id, wants.rating))
        key = channel, client_id
        client = self.clients.get(key)
        lately = self.now - self.closed_at.get(key, -_LATELY) < _LATELY
        if client is None and wants.told_unknown:
            return Known(told_unknown=key in self.told_unknown)
        connection, newest = None, None
        if wants.newest and client is not None and (connection_id := client.address.business_connection_id) is not None:
            connection = self.connections.by_id.get((channel, connection_id))
            newest = self.connections.newest_messages.get(key)
        return Known(
            client,
            said,
            album,
            touch,
            connection=connection,
            newest=newest,
            rating=rating,
            blocked=self.limits.is_blocked(key, self.now),
            waiting=self.limits.waiting.get(key, 0) if wants.limits else 0,
            closed_lately=lately,
        )

    def _known_account(self, channel: str, owner: int) -> Known:
        """What is known of a Business account: how its newest connection stands, and who is talked to in it."""
        ours = self.connections.owned_by(channel, owner)
        talking = (
            client
            for (of_channel, _), client in self.clients.items()
            if of_channel == channel and client.open and client.address.business_connection_id in ours
        )
        return Known(connection=self.connections.by_owner.get((channel, owner)), open_clients=tuple(talking))

    def note_told(self, channel: str, wants: Wants) -> None:
        """Take note that an agent is told, if not before, that this client has never written."""
        if wants.told_unknown and wants.client_id is not None and (channel, wants.client_id) not in self.told_unknown:
            self.told_unknown.add((channel, wants.client_id))
            self.new_told_unknown.add((channel, wants.client_id))

    def note(self, channel: str, outcome: Outcome) -> None:
        """Take note of what mapping a letter changed."""
        if isinstance(outcome, Unreadable):
            return
        if outcome.client is not None:
            key = channel, outcome.client.client_id
            if self.clients.get(key) != outcome.client:
                self._note_closing(key, outcome.client)
                self.clients[key] = self.new_clients[key] = outcome.client
        if outcome.connection is not None:
            self.connections.note(channel, outcome.connection)
        if isinstance(outcome, Accepted):
            self.limits.note(channel, outcome)
            self._remember(channel, outcome.draft.client_id, outcome.said)
            if outcome.rating is not None:
                asked = channel, outcome.draft.client_id, outcome.rating.id
                self.ratings[asked] = self.new_ratings[asked] = outcome.rating
        elif outcome.client is not None:
            self._remember(channel, outcome.client.client_id, outcome.said)

    def _remember(self, channel: str, client_id: str, said: Iterable[Said]) -> None:
        for each in said:
            key = channel, client_id, each.message_id
            self.said[key] = self.new_said[key] = each

    def _note_closing(self, key: tuple[str, str], client: Client) -> None:
        before = self.clients.get(key)
        if client.open:
            self.closed_at.pop(key, None)
        elif before is not None and before.open:
            self.closed_at[key] = self.now
