"""Chats as the bot may know them, and what was said in them."""

import time
from dataclasses import dataclass, field
from typing import Any

from relay.sandbox.telegram.refusal import Refused, bad_request

#: Whoever owns an account that was never shown to the bot.
_SOMEBODY = {"id": 7_700_000_001, "is_bot": False, "first_name": "Somebody"}


@dataclass(slots=True)
class Chat:
    """A chat that wrote to the bot, with everything said in it by both ends."""

    id: int
    details: dict[str, Any]
    blocked: bool = False
    deactivated: bool = False
    left: bool = False
    topics: set[int] = field(default_factory=set)  #: Threads of a private chat, or topics of direct messages.
    migrated_to: int | None = None
    conversation: list[dict[str, Any]] = field(default_factory=list)  #: Message objects of both ends, in order.
    last_message_id: int = 0
    read_up_to: int = 0  #: In a Business account's chat: what the bot has marked as read.
    keyboard: list[list[Any]] = field(default_factory=list)  #: Rows of keys under the customer's text field.
    keyboard_from: dict[str, Any] | None = None  #: The message that brought it.

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bot's messages, in order; also those in the name of a Business account."""
        return [m for m in self.conversation if m.get("from", {}).get("is_bot") or "sender_business_bot" in m]

    @property
    def texts(self) -> list[str]:
        """The texts of the bot's messages, in order; media without one are left out."""
        return [message["text"] for message in self.messages if "text" in message]

    @property
    def captions(self) -> list[str]:
        """The captions of the bot's media, in order."""
        return [message["caption"] for message in self.messages if "caption" in message]

    def next_message_id(self) -> int:
        """A fresh message id, higher than all before."""
        self.last_message_id += 1
        return self.last_message_id

    def remember(self, message: dict[str, Any]) -> None:
        """Append what somebody said."""
        self.last_message_id = max(self.last_message_id, message["message_id"])
        self.conversation.append(message)

    def replace(self, edited: dict[str, Any]) -> None:
        """Let a message say what it says since it was edited; nothing, if it is not known."""
        for place, message in enumerate(self.conversation):
            if message["message_id"] == edited.get("message_id"):
                self.conversation[place] = edited

    def show_keyboard(self, markup: dict[str, Any], message: dict[str, Any]) -> None:
        """What a message's reply_markup changes under the customer's text field."""
        if "keyboard" in markup or markup.get("remove_keyboard"):
            self.keyboard, self.keyboard_from = markup.get("keyboard", []), message

    def check_open(self) -> None:
        """Raise what the API answers when the bot may not write here.

        https://github.com/tdlib/telegram-bot-api/blob/master/telegram-bot-api/Client.cpp (fail_query_with_error)
        """
        if self.migrated_to is not None:
            raise Refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated_to,
            )
        if self.deactivated:
            raise Refused(403, "Forbidden: user is deactivated")
        if self.blocked:
            raise Refused(403, "Forbidden: bot was blocked by the user")
        if self.left:
            kind = "channel chat" if self.details["type"] == "channel" else f"{self.details['type']} chat"
            raise Refused(403, f"Forbidden: bot is not a member of the {kind}")

    def check_thread(self, params: dict[str, Any]) -> None:
        """Raise what the API answers when there is no such thread. In direct messages a topic must be named."""
        thread, topic = params.get("message_thread_id"), params.get("direct_messages_topic_id")
        if thread is not None and thread not in self.topics:
            raise bad_request("message thread not found")
        if bool(self.details.get("is_direct_messages")) != (topic is not None) or (topic or 0) not in {0, *self.topics}:
            raise bad_request("direct messages topic not found")

    def frame(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """What frames a message of the bot with these parameters. Raises Refused for a reply to nothing."""
        frame: dict[str, Any] = {"from": bot, "chat": self.details, "date": int(time.time()), **self._replied(params)}
        for name in ("business_connection_id", "message_thread_id"):
            if name in params:
                frame[name] = params[name]
        if "message_thread_id" in params:
            frame["is_topic_message"] = True
        if "direct_messages_topic_id" in params:
            frame["direct_messages_topic"] = {"topic_id": params["direct_messages_topic_id"]}
        if "inline_keyboard" in params.get("reply_markup", ()):
            frame["reply_markup"] = params["reply_markup"]
        return frame

    def _replied(self, params: dict[str, Any]) -> dict[str, Any]:
        """The field of what is replied to. Raises Refused when it is gone and may not be."""
        reply = params.get("reply_parameters")
        if reply is None:
            return {}
        replied = self.find(reply.get("message_id", 0))
        if replied is not None:
            return {"reply_to_message": {key: replied[key] for key in replied if key != "reply_to_message"}}
        if reply.get("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")

    def find(self, message_id: int) -> dict[str, Any] | None:
        """The message with this id, by whomever."""
        return next((m for m in reversed(self.conversation) if m["message_id"] == message_id), None)


class Connection:
    """What the bot may do in one account's name, as Telegram knows it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw  #: The BusinessConnection object.

    def check(self, right: str) -> None:
        """Raise what Telegram answers when the connection, or a right in it, is not given (any more).

        The Bot API server looks at neither (td, BusinessConnectionManager.cpp: check_business_connection); these are
        errors of the method behind it: https://core.telegram.org/method/messages.sendMessage
        """
        if not self.raw["is_enabled"]:
            raise bad_request("BUSINESS_CONNECTION_INVALID")
        if not self.raw["rights"].get(right):
            raise Refused(403, "Forbidden: BOT_ACCESS_FORBIDDEN")


class Chats:
    """All chats of one look-alike: the bot's own, and those of Business accounts, which have the customers' ids too."""

    def __init__(self) -> None:
        self._chats: dict[tuple[str | None, int], Chat] = {}
        self.connections: dict[str, Connection] = {}

    def get(self, chat_id: int) -> Chat | None:
        """A chat of the bot's own, if it ever wrote."""
        return self._chats.get((None, chat_id))

    def has_met(self, user_id: int) -> bool:
        """Whether somebody's chat, with the bot or with an account, has come to the bot's eyes."""
        return any(chat_id == user_id for _, chat_id in self._chats)

    def register(self, details: dict[str, Any], connection_id: str | None = None) -> Chat:
        """The chat with these details, known from now on."""
        key = connection_id, details["id"]
        chat = self._chats.get(key)
        if chat is None:
            chat = self._chats[key] = Chat(details["id"], details)
        return chat

    def business_chat(self, connection_id: str, details: dict[str, Any]) -> Chat:
        """An account's chat with somebody. Its connections have other ids each, its chats stay."""
        return self.register(details, str(self._owner(connection_id)))

    def connection(self, params: dict[str, Any]) -> Connection:
        """The Business connection that a method names. Raises Refused when there is none."""
        connection = self.connections.get(params["business_connection_id"])
        if connection is None:
            raise bad_request("business connection not found")
        return connection

    def open_chat(self, params: dict[str, Any], *, right: str = "can_reply") -> Chat:
        """The chat that a method names. Raises Refused when it is not known or not open to the bot."""
        if "chat_id" not in params:
            raise bad_request("chat_id is empty")
        chat_id = params["chat_id"]
        if "business_connection_id" in params:
            self.connection(params).check(right)
            chat = self._chats.get((str(self._owner(params["business_connection_id"])), chat_id))
            if chat is None:
                raise bad_request("BUSINESS_PEER_INVALID")
            return chat
        chat = self.get(chat_id)
        if chat is None and any(known_id == chat_id for _, known_id in self._chats):
            raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
        if chat is None:
            raise bad_request("chat not found")
        chat.check_open()
        return chat

    def observe(self, update: dict[str, Any]) -> None:
        """Learn chats, messages, topics and Business connections from an update, whatever its kind."""
        for kind, content in update.items():
            if not isinstance(content, dict):
                continue
            if kind == "business_connection" and "id" in content:
                self.connections[content["id"]] = Connection(content)
            message = content.get("message", content)
            if isinstance(message, dict) and isinstance(message.get("chat"), dict):
                self._observe_message(kind, message)

    def _observe_message(self, kind: str, message: dict[str, Any]) -> None:
        connection_id = message.get("business_connection_id")
        if connection_id is None:
            chat = self.register(message["chat"])
        else:
            given = {"user": _SOMEBODY, "is_enabled": True, "rights": {"can_reply": True, "can_read_messages": True}}
            self.connections.setdefault(connection_id, Connection({"id": connection_id, "date": 0, **given}))
            chat = self.business_chat(connection_id, message["chat"])
        if message.get("is_topic_message"):
            chat.topics.add(message["message_thread_id"])
        if "direct_messages_topic" in message:
            chat.topics.add(message["direct_messages_topic"]["topic_id"])
        if kind in ("message", "business_message", "channel_post") and isinstance(message.get("message_id"), int):
            chat.remember(message)
        if kind in ("edited_message", "edited_business_message"):
            chat.replace(message)

    def _owner(self, connection_id: str) -> int:
        connection = self.connections.get(connection_id)
        return int(connection.raw["user"]["id"]) if connection is not None else 0


def membership(chat: dict[str, Any], by: dict[str, Any], old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The update that tells the bot of its own place in a chat."""
    change = {"chat": chat, "from": by, "date": int(time.time())}
    return {"my_chat_member": {**change, "old_chat_member": old, "new_chat_member": new}}
