"""What a visitor may break: the switches of both look-alikes under names that a visitor understands."""

from typing import TYPE_CHECKING, Any, Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds that both ends take to answer when they are slow.
SLOW: Final = 1.5
#: Messages a chat may get at once, and a second, when Telegram is strict.
STRICT: Final = (1, 1 / 6)


class Switches:
    """Each is on or off; a lost answer is off again by itself."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self._telegram = telegram
        self._kit = kit
        self._generous = telegram.limits.private
        self._turn: dict[str, Callable[[bool], None]] = {
            "kit_down": self._kit_down,
            "telegram_down": self._telegram_down,
            "slow": self._slow,
            "strict": self._strict,
            "lose": self._lose,
        }

    def turn(self, name: str, *, on: bool) -> None:
        """Turn one on or off. Raises KeyError for one that there is not."""
        self._turn[name](on)
        self._telegram.changes.notify()
        self._kit.changes.notify()

    def state(self) -> dict[str, Any]:
        """How they stand."""
        return {
            "kit_down": self._kit.faults.down,
            "telegram_down": self._telegram.faults.down,
            "slow": self._kit.faults.latency > 0,
            "strict": self._telegram.limits.private == STRICT,
            "lose": self._kit.faults.lose_answers > 0,
            "lost": self._kit.faults.lost,
            "refused": self._telegram.limits.given,
        }

    def _kit_down(self, on: bool) -> None:  # noqa: FBT001 - a switch's one argument
        self._kit.faults.down = on

    def _telegram_down(self, on: bool) -> None:  # noqa: FBT001
        self._telegram.faults.down = on
        if on:
            self._telegram.updates.interrupt()

    def _slow(self, on: bool) -> None:  # noqa: FBT001
        self._kit.faults.latency = self._telegram.faults.latency = SLOW if on else 0.0

    def _strict(self, on: bool) -> None:  # noqa: FBT001
        self._telegram.limits.become(STRICT if on else self._generous)

    def _lose(self, on: bool) -> None:  # noqa: FBT001
        self._kit.faults.lose_next(1 if on else 0, on="event")
