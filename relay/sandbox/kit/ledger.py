"""What reached Kit: every event in the order of arrival, and whether clients' events kept apart."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as it was accepted."""

    event_id: str
    client_id: str
    message_id: str
    text: str | None
    payload: tuple[dict[str, Any], ...]
    client_data: dict[str, Any]
    body: dict[str, Any]  #: The whole document.
    at: float  #: Monotonic seconds, when it arrived.
    number: int  #: Its place among all arrivals, from 0.
    duplicate: bool  #: Whether its event_id had arrived before.


@dataclass(slots=True)
class Ledger:
    """All events of one channel."""

    events: list[Sent] = field(default_factory=list)
    refused: list[tuple[str, int, str]] = field(default_factory=list)  #: Operation, code and reason of each refusal.
    contradictions: list[str] = field(default_factory=list)  #: event_ids that came again with another body.
    by_client: dict[str, list[Sent]] = field(default_factory=dict)  #: Each event_id once, in first-arrival order.
    _by_id: dict[str, Sent] = field(default_factory=dict)

    def record(self, document: dict[str, Any], at: float) -> None:
        """Enter a checked event."""
        event_id, message = document["event_id"], document["event_data"]["message"]
        first = self._by_id.get(event_id)
        sent = Sent(
            event_id=event_id,
            client_id=document["client_data"]["client_id"],
            message_id=message["message_id"],
            text=message.get("text"),
            payload=tuple(message.get("payload", ())),
            client_data=document["client_data"],
            body=document,
            at=at,
            number=len(self.events),
            duplicate=first is not None,
        )
        self.events.append(sent)
        if first is None:
            self._by_id[event_id] = sent
            self.by_client.setdefault(sent.client_id, []).append(sent)
        elif first.body != document:
            self.contradictions.append(event_id)


class Traffic:
    """Event requests in flight."""

    def __init__(self) -> None:
        self.peak = 0  #: Most at the same time.
        self.overlaps: Counter[str] = Counter()  #: By client: how often one came while another of theirs was in flight.
        self._now = 0
        self._busy: dict[str, int] = {}

    @contextmanager
    def request(self) -> Iterator[None]:
        """One request, from its headers to its answer."""
        self._now += 1
        self.peak = max(self.peak, self._now)
        try:
            yield
        finally:
            self._now -= 1

    @contextmanager
    def of_client(self, client_id: str | None) -> Iterator[None]:
        """The same request, once its client is known."""
        if client_id is None:
            yield
            return
        busy = self._busy.get(client_id, 0)
        if busy:
            self.overlaps[client_id] += 1
        self._busy[client_id] = busy + 1
        try:
            yield
        finally:
            self._busy[client_id] -= 1
