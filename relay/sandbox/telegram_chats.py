"""Chats as the bot may know them, and what was said in them."""

import time
from dataclasses import dataclass, field
from typing import Any

from relay.sandbox.telegram_refusal import Refused, bad_request


@dataclass(slots=True)
class Chat:
    """A chat that wrote to the bot, with everything said in it by both ends."""

    id: int
    details: dict[str, Any]
    blocked: bool = False
    deactivated: bool = False
    left: bool = False
    migrated_to: int | None = None
    conversation: list[dict[str, Any]] = field(default_factory=list)  #: Message objects of both ends, in order.
    last_message_id: int = 0
    keyboard: list[list[Any]] = field(default_factory=list)  #: Rows of keys under the customer's text field.
    keyboard_from: dict[str, Any] | None = None  #: The message that brought it.

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bot's messages, in order."""
        return [message for message in self.conversation if message.get("from", {}).get("is_bot")]

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
            raise Refused(403, "Forbidden: bot is not a member of the group chat")

    def frame(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """What frames a message of the bot with these parameters. Raises Refused for a reply to nothing."""
        frame: dict[str, Any] = {"from": bot, "chat": self.details, "date": int(time.time())}
        reply = params.get("reply_parameters")
        if reply is not None:
            replied = self.find(reply.get("message_id", 0))
            if replied is not None:
                frame["reply_to_message"] = {key: replied[key] for key in replied if key != "reply_to_message"}
            elif not reply.get("allow_sending_without_reply"):
                raise bad_request("message to be replied not found")
        for name in ("business_connection_id", "message_thread_id"):
            if name in params:
                frame[name] = params[name]
        if "inline_keyboard" in params.get("reply_markup", ()):
            frame["reply_markup"] = params["reply_markup"]
        return frame

    def find(self, message_id: int) -> dict[str, Any] | None:
        """The message with this id, by whomever."""
        return next((m for m in reversed(self.conversation) if m["message_id"] == message_id), None)


class Chats:
    """All chats of one look-alike."""

    def __init__(self) -> None:
        self._chats: dict[int, Chat] = {}
        self.business_connections: set[str] = set()

    def get(self, chat_id: int) -> Chat | None:
        """A chat, if it ever wrote."""
        return self._chats.get(chat_id)

    def register(self, details: dict[str, Any]) -> Chat:
        """The chat with these details, known from now on."""
        chat = self._chats.get(details["id"])
        if chat is None:
            chat = self._chats[details["id"]] = Chat(details["id"], details)
        return chat

    def open_chat(self, params: dict[str, Any]) -> Chat:
        """The chat that a method names. Raises Refused when it is not known or not open to the bot."""
        if "chat_id" not in params:
            raise bad_request("chat_id is empty")
        chat = self._chats.get(params["chat_id"])
        if chat is None:
            raise bad_request("chat not found")
        chat.check_open()
        connection = params.get("business_connection_id")
        if connection is not None and connection not in self.business_connections:
            raise bad_request("business connection not found")
        return chat

    def observe(self, update: dict[str, Any]) -> None:
        """Learn chats, messages and business connections from an update, whatever its kind."""
        for kind, content in update.items():
            if not isinstance(content, dict):
                continue
            if kind == "business_connection" and "id" in content:
                self.business_connections.add(content["id"])
            message = content.get("message", content)
            if not isinstance(message, dict) or not isinstance(message.get("chat"), dict):
                continue
            if "business_connection_id" in message:
                self.business_connections.add(message["business_connection_id"])
            chat = self.register(message["chat"])
            if kind in ("message", "business_message", "channel_post") and isinstance(message.get("message_id"), int):
                chat.remember(message)
