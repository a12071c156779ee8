"""Which files can arrive together, by what they really are. Pure.

https://core.telegram.org/bots/api#sendmediagroup
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

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
