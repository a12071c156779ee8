"""Places beside private chats where people meet the bot: groups, channels, and channels' direct messages."""

import time
from typing import Any

from relay.sandbox.telegram.chats import Chat, membership
from relay.sandbox.telegram.customers import Customer
from relay.sandbox.telegram.world import World

Json = dict[str, Any]

#: What Telegram says of every administrator. https://core.telegram.org/bots/api#chatmemberadministrator
_RIGHTS = (
    "can_manage_chat can_delete_messages can_manage_video_chats can_restrict_members can_promote_members"
    " can_change_info can_invite_users can_post_stories can_edit_stories can_delete_stories"
)


class Place:
    """A group or a channel. Every method answers the raw update that it queued."""

    def __init__(self, world: World, details: Json) -> None:
        self._world = world
        self.details = details

    @property
    def id(self) -> int:
        """The chat's id."""
        return int(self.details["id"])

    @property
    def chat(self) -> Chat:
        """What was said in it."""
        return self._world.chats.register(self.details)

    def takes_in(self, by: Customer, **rights: bool) -> Json:
        """Somebody adds the bot: as a member, or with rights as an administrator."""
        self.chat.left = False
        bot = self._world.bot
        every = dict.fromkeys(_RIGHTS.split(), False)
        new: Json = {"user": bot, "status": "member"}
        if rights:
            new |= {"status": "administrator", "can_be_edited": False, "is_anonymous": False, **every, **rights}
        return self._world.push_update(membership(self.details, by.user, {"user": bot, "status": "left"}, new))

    def hears(self, customer: Customer, text: str, **fields: object) -> Json:
        """Somebody writes in it."""
        return self._world.push_update({"message": self.message(customer, {"text": text, **fields})})

    def message(self, customer: Customer, fields: Json) -> Json:
        """A message in it, not yet sent."""
        frame = {"message_id": self.chat.next_message_id(), "from": customer.user, "chat": self.details}
        return {**frame, "date": int(time.time()), **fields}


class DirectMessages(Place):
    """The direct messages of a channel: a chat with a topic for each person who writes to it.

    https://core.telegram.org/bots/api#directmessagestopic
    """

    def message(self, customer: Customer, fields: Json) -> Json:
        """A message from a customer in their topic, whose id is theirs."""
        return super().message(customer, {"direct_messages_topic": self.topic(customer), **fields})

    def says(self, customer: Customer, text: str) -> Json:
        """The channel answers a customer, past the bot."""
        channel = {"id": self.id + 1, "title": self.details["title"], "type": "channel"}
        said = {**super().message(customer, {"text": text}), "sender_chat": channel}
        del said["from"]
        return self._world.push_update({"message": {**said, "direct_messages_topic": self.topic(customer)}})

    def topic(self, customer: Customer) -> Json:
        """The topic of a customer."""
        return {"topic_id": customer.id, "user": customer.user}


def group(world: World, chat_id: int = -1001234567890, title: str = "Neighbours") -> Place:
    """A group; the bot is not in it yet."""
    return Place(world, {"id": chat_id, "title": title, "type": "supergroup"})


def channel(world: World, chat_id: int = -1002345678902, title: str = "News") -> Place:
    """A channel; the bot is not in it yet."""
    return Place(world, {"id": chat_id, "title": title, "type": "channel"})


def direct_messages(world: World, chat_id: int = -1002345678901, title: str = "News") -> DirectMessages:
    """The direct messages of a channel whose administrator the bot is."""
    return DirectMessages(world, {"id": chat_id, "title": title, "type": "supergroup", "is_direct_messages": True})
