"""The picture that a person shows to the bot.

https://core.telegram.org/bots/api#getuserprofilephotos
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from telegram import Bot

from relay.errors import Unavailable
from relay.model import Media
from relay.telegram.api import call

#: Seconds. A picture is worth no longer wait.
_TIMEOUT: Final = 20.0


async def profile_photo(bot: Bot, new_media_id: Callable[[], str], user_id: int) -> Media | None:
    """The person's newest picture in its largest size; None if there is none, or they hide it. Raises RelayError.

    Its name is the picture's: the same one as long as the picture is.
    """
    found = await call(bot, "getUserProfilePhotos", {"user_id": user_id, "limit": 1}, read_timeout=_TIMEOUT)
    photos = found.get("photos") if isinstance(found, dict) else None
    if not isinstance(photos, list):
        raise Unavailable("Telegram gave no list of pictures")
    sizes = [size for size in photos[0] if _is_size(size)] if photos and isinstance(photos[0], list) else []
    if not sizes:
        return None
    largest = max(sizes, key=lambda size: size["width"] * size["height"])
    mark = hashlib.sha256(str(largest["file_unique_id"]).encode("utf-8", "replace")).hexdigest()[:8]
    size = largest.get("file_size")
    return Media(
        new_media_id(),
        largest["file_id"],
        f"photo-{mark}.jpg",
        "image/jpeg",
        size if isinstance(size, int) and size >= 0 else None,
    )


def _is_size(size: Any) -> bool:  # noqa: ANN401 - whatever JSON stands there
    return (
        isinstance(size, dict)
        and all(isinstance(size.get(name), str) and size[name] for name in ("file_id", "file_unique_id"))
        and all(isinstance(size.get(name), int) for name in ("width", "height"))
    )
