"""Files that Telegram did not give: late or gone, for which it has the same words. No I/O.

"wrong file_id or the file is temporarily unavailable" is the official server's answer for every download that stopped,
whatever stopped it, its own 5xx and 429 included (https://github.com/tdlib/telegram-bot-api, `on_update_file`). So
a file is late until the answer stays the same for long enough; and even then it is asked for once in a while.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

#: A file is gone once this answer came so many times, and so many seconds lie between the first and the last of them.
GONE_AFTER: Final = 5
GONE_SPAN: Final = 3600.0
#: Seconds for which nobody asks after a file that is gone.
ASKED_ANEW: Final = 3600.0

_MOST: Final = 10_000
_LATE: Final = "temporarily unavailable"


@dataclass(slots=True)
class _Refused:
    since: float
    last: float
    times: int = 1

    @property
    def is_gone(self) -> bool:
        return self.times >= GONE_AFTER and self.last - self.since >= GONE_SPAN


class LateFiles:
    """What Telegram did not give, by `file_id`: the latest 10,000. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._refused: OrderedDict[str, _Refused] = OrderedDict()

    def is_gone(self, file_id: str, now: float) -> bool:
        """Whether there is no use in asking at the moment."""
        refused = self._refused.get(file_id)
        return refused is not None and refused.is_gone and now - refused.last < ASKED_ANEW

    def note(self, file_id: str, now: float) -> bool:
        """The file was not given. Whether it is gone, as far as can be told by now."""
        refused = self._refused.get(file_id)
        if refused is None:
            refused = self._refused[file_id] = _Refused(now, now)
            if len(self._refused) > _MOST:
                self._refused.popitem(last=False)
        else:
            refused.last, refused.times = now, refused.times + 1
        self._refused.move_to_end(file_id)
        return refused.is_gone

    def forget(self, file_id: str) -> None:
        """It was given after all."""
        self._refused.pop(file_id, None)


def says_late(answer: str) -> bool:
    """Whether these are Telegram's words for a file that may come later."""
    return _LATE in answer.lower()
