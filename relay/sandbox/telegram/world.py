"""What there is in a look-alike's Telegram: the bot, chats, files, and the updates that tell the bot of them."""

from collections.abc import Iterable
from typing import Any, Final

from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.chats import Chats
from relay.sandbox.telegram.files import FileStore
from relay.sandbox.telegram.old_fields import say_twice
from relay.sandbox.telegram.updates import UpdateQueue

Json = dict[str, Any]


class World:
    """What people, places and the Bot API's methods work on."""

    def __init__(self, bot: Json, files: FileStore, changes: Changes, first_update_id: int) -> None:
        self.bot: Final = bot
        self.files = files
        self.chats = Chats()
        self.updates = UpdateQueue(changes, first_update_id)
        self.profile_photos: dict[int, list[Json]] = {}  #: Sizes of each user's photo.
        self.open_queries: set[str] = set()  #: Button presses that the bot has not answered.

    def push_update(self, update: Json) -> Json:
        """Queue any raw update; without an update_id it gets the next one. Chats in it are known from now on."""
        self.push_updates([update])
        return update

    def push_updates(self, updates: Iterable[Json]) -> None:
        """Queue many raw updates at once."""
        pushed = list(updates)
        for update in pushed:
            say_twice(update)
            self.observe(update)
        self.updates.push(pushed)

    def observe(self, update: Json) -> None:
        """Learn from an update what later calls may refer to."""
        self.chats.observe(update)
        if "callback_query" in update:
            self.open_queries.add(update["callback_query"]["id"])
