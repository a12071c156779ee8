"""Which files can arrive together, by what they really are. Pure.

https://core.telegram.org/bots/api#sendmediagroup
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from relay.errors import SourceUnavailable
from relay.media.kinds import Native
from relay.steps import SendAlbum, SendFile

#: What the files of an album have in common; of other kinds, each goes alone.
_COMPANY: Final[dict[Native, str]] = {
    "photo": "pictures",
    "video": "pictures",
    "audio": "audio",
    "document": "documents",
}


def regroup(items: Sequence[SendFile], kinds: Sequence[Native]) -> tuple[SendFile | SendAlbum, ...]:
    """The files in their order, in as few messages as Telegram lets them share."""
    steps: list[SendFile | SendAlbum] = []
    for company, group in groupby(zip(items, kinds, strict=True), lambda pair: _COMPANY.get(pair[1])):
        together = tuple(item for item, _ in group)
        steps += [SendAlbum(together)] if company and len(together) > 1 else together
    return tuple(steps)


def without(good: Sequence[SendFile], bad: Sequence[SendFile]) -> tuple[SendFile | SendAlbum, ...]:
    """An album's `good` files together, and behind them each of the others by itself. Its words go with the first."""
    words = next((item.caption for item in (*good, *bad) if item.caption), None)
    first, *others = [replace(item, caption=None) for item in (*good, *bad)]
    in_order = (replace(first, caption=words), *others)
    together, alone = in_order[: len(good)], in_order[len(good) :]
    return (SendAlbum(together), *alone) if len(together) > 1 else in_order


def kept_waiting(file: SendFile, error: SourceUnavailable) -> SendFile:
    """The file as one that its server does not give now, with what the server said."""
    return replace(file, late=(error.why, str(error)), wait=error.retry_after or None)
