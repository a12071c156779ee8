"""Operations: what a person can ask of a relay, each a function from parameters to JSON.

They work over the store alone, so that they do the same whether a relay runs or not; `watched` is what only a running
one can tell.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.model import Direction

if TYPE_CHECKING:  # a command that asks a running relay needs none of them
    from relay.monitoring.health import Watched
    from relay.settings.channels import Channel
    from relay.store.store import Store


class RefusedError(Exception):
    """The operation cannot be done as it was asked for. The message is for the person who asked."""


class UnansweredError(Exception):
    """Neither a relay nor the store could be asked. The message says why."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """What an operation works with."""

    channels: "Sequence[Channel]"
    store: "Store"
    wake: Callable[[str, Direction], None] = lambda _channel, _direction: None  #: Something may be due for a courier.
    hurry: Callable[[str], None] = lambda _channel: None  #: Both couriers of a channel try at once, whatever they know.
    watched: "Sequence[Watched]" = ()  #: Of a running relay, its channels at work.
    started_at: float | None = None  #: Of a running relay, on the monotonic clock.

    def channel(self, name: str | None) -> "Channel":
        """The channel of this name or bot id; without a name the only one. Raises RefusedError."""
        if name is None and len(self.channels) == 1:
            return self.channels[0]
        for channel in self.channels:
            if name in (channel.name, channel.key):
                return channel
        known = ", ".join(channel.label for channel in self.channels)
        raise RefusedError(f"say which channel: {known}" if name is None else f"no channel {name}; there are: {known}")


#: Parameters in, JSON out. Raises RefusedError, and relay.errors.Unavailable when the database cannot commit.
Operation = Callable[[OperationContext, Mapping[str, Any]], Awaitable[Any]]
