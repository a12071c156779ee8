"""Which suspect is out: one at a time in a process, so that it is known whose its death is."""

from collections.abc import Callable


class Suspects:
    """The one place for suspects, which all couriers of a process share.

    For `head_start` seconds after the start of a courier none goes out: a new killer, which kills at once, shows itself
    and is not taken for a suspect.
    """

    def __init__(self, head_start: float = 1.0) -> None:
        self.head_start = head_start
        self._taken = False
        self._refused: dict[Callable[[], None], None] = {}  #: In their order.

    def take(self, wake: Callable[[], None]) -> bool:
        """Take the place. Whoever does not get it is woken when it is free."""
        if self._taken:
            self._refused[wake] = None
            return False
        self._taken = True
        return True

    def give_back(self) -> None:
        """The suspect is back, or known to be innocent, or there was none."""
        self._taken = False
        refused, self._refused = self._refused, {}
        for wake in refused:
            wake()
