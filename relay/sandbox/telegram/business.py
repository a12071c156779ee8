"""Telegram Business: accounts whose owners let the bot read and answer their chats.

https://core.telegram.org/bots/api#businessconnection, https://core.telegram.org/api/bots/connected-business-bots
"""

import time
from collections.abc import Iterable
from typing import Any

from relay.sandbox.telegram.chats import Chat
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.world import World

Json = dict[str, Any]


class BusinessAccount:
    """A Business account and its owner. What happens is told to the bot, unless it is `announced=False`."""

    def __init__(self, world: World, user_id: int = 900_000_001, connection_id: str = "bc-1") -> None:
        self._world = world
        self.id = user_id
        self.connection_id = connection_id  #: Telegram gives another one each time that the owner changes settings.
        self.user = {"id": user_id, "is_bot": False, "first_name": "Olga", "last_name": "Owner"}

    def connects(self, *, announced: bool = True, **rights: bool) -> Json:
        """Let the bot in, with the rights to read and reply or with others."""
        given = rights or {"can_reply": True, "can_read_messages": True}
        return self._tell(announced=announced, is_enabled=True, rights={name: on for name, on in given.items() if on})

    def withdraws(self) -> Json:
        """Take the bot out of the account."""
        return self._tell(announced=True, is_enabled=False, rights={})

    def hears(self, customer: Customer, text: str, **fields: object) -> Json:
        """A customer writes to the account."""
        return self._push("business_message", customer, {"from": customer.user, "text": text, **fields})

    def says(self, customer: Customer, text: str, **fields: object) -> Json:
        """The owner writes to the customer, past the bot."""
        return self._push("business_message", customer, {"from": self.user, "text": text, **fields})

    def sees_edit(self, customer: Customer, message_id: int, text: str) -> Json:
        """The customer changes a message."""
        now = {"message_id": message_id, "text": text, "edit_date": int(time.time())}
        return self._push("edited_business_message", customer, {"from": customer.user, **now})

    def sees_deletion(self, customer: Customer, message_ids: Iterable[int]) -> Json:
        """Somebody deletes messages of the chat, for both."""
        deleted = {"chat": customer.chat, "message_ids": list(message_ids)}
        return self._world.push_update(
            {"deleted_business_messages": {"business_connection_id": self.connection_id, **deleted}}
        )

    def chat(self, customer: Customer) -> Chat:
        """What was said in the account's chat with a customer."""
        return self._world.chats.business_chat(self.connection_id, customer.chat)

    def _push(self, kind: str, customer: Customer, fields: Json) -> Json:
        frame = {"chat": customer.chat, "date": int(time.time()), "business_connection_id": self.connection_id}
        if "message_id" not in fields:
            frame["message_id"] = self.chat(customer).next_message_id()
        return self._world.push_update({kind: {**frame, **fields}})

    def _tell(self, *, announced: bool, **state: object) -> Json:
        frame = {"id": self.connection_id, "user": self.user, "user_chat_id": self.id, "date": int(time.time())}
        update = {"business_connection": {**frame, **state}}
        if announced:
            return self._world.push_update(update)
        self._world.chats.observe(update)
        return update
