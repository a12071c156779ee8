"""The forms and limits of what is said to Kit and read from it. Pure.

Source: https://voximplant.com/kit/docs/channels/custom.
"""

import re
from typing import Final, Literal

MediaKind = Literal["photo", "video", "audio", "document"]

# Kit documents no limits. Ours are far above anything seen, so that only a hostile body ever meets them.
MAX_TEXT = 100_000  #: Characters.
MAX_LINE = 1024  #: Characters.
MAX_URL = 8192  #: Characters.
MAX_ITEMS = 100

_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def mend(text: str) -> str:
    """The text with each lone surrogate, which no UTF-8 can carry, visibly replaced."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text
