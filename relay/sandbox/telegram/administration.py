"""The methods that send no message: who the bot is, webhooks, files, buttons, chats."""

import re
from typing import TYPE_CHECKING, Any

from relay.sandbox.telegram.chats import Chats
from relay.sandbox.telegram.files import FileStore
from relay.sandbox.telegram.methods import needed
from relay.sandbox.telegram.places import membership
from relay.sandbox.telegram.refusal import bad_request
from relay.sandbox.telegram.sending import ACTIONS
from relay.sandbox.telegram.updates import UpdateQueue

if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)

Params = dict[str, Any]


class Administration:
    """Answers by method. Everything it raises is a Refused."""

    def __init__(self, bot: dict[str, Any], files: FileStore, chats: Chats, updates: UpdateQueue) -> None:
        self._bot = bot
        self._files = files
        self._chats = chats
        self._updates = updates
        self.profile_photos: dict[int, list[dict[str, Any]]] = {}  #: Sizes of each user's photo.
        self.open_queries: set[str] = set()  #: Button presses that the bot has not answered.
        self.webhook: Params = {}  #: What the last setWebhook said.
        self._answers: dict[str, Callable[[Params], object]] = {
            "getMe": lambda _: self._bot,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getFile": lambda params: self._files.get_file(needed(params, "file_id")),
            "getChat": self._chat,
            "getUserProfilePhotos": self._photos,
            "sendChatAction": self._action,
            "answerCallbackQuery": self._answer_query,
            "editMessageText": self._edit_text,
            "leaveChat": self._leave,
            "getBusinessConnection": lambda params: self._chats.connection(params).raw,
            "readBusinessMessage": self._read,
        }

    def perform(self, method: str, params: Params) -> object:
        """The method's result."""
        return self._answers[method](params)

    def observe(self, update: dict[str, Any]) -> None:
        """Learn from an update what later calls may refer to."""
        self._chats.observe(update)
        if "callback_query" in update:
            self.open_queries.add(update["callback_query"]["id"])

    def _set_webhook(self, params: Params) -> bool:
        url = needed(params, "url")
        if not re.match("https?://", url):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if "secret_token" in params and not _SECRET_TOKEN.fullmatch(params["secret_token"]):
            raise bad_request("secret token contains unallowed characters")
        if not 1 <= params.get("max_connections", 40) <= 100:
            raise bad_request("max_connections must be from 1 to 100")
        if params.get("drop_pending_updates"):
            self._updates.clear()
        self._updates.webhook_url, self.webhook = url, params
        return True

    def _delete_webhook(self, params: Params) -> bool:
        if params.get("drop_pending_updates"):
            self._updates.clear()
        self._updates.webhook_url, self.webhook = "", {}
        return True

    def _webhook_info(self, _: Params) -> Params:
        info = {name: self.webhook[name] for name in ("max_connections", "allowed_updates") if name in self.webhook}
        return info | {
            "url": self._updates.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": self._updates.pending_count,
        }

    def _chat(self, params: Params) -> Params:
        chat = self._chats.open_chat(params)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, True)}
        sizes = self.profile_photos.get(chat.id)
        if sizes:
            small, big = sizes[0], sizes[-1]
            full["photo"] = {
                "small_file_id": small["file_id"],
                "small_file_unique_id": small["file_unique_id"],
                "big_file_id": big["file_id"],
                "big_file_unique_id": big["file_unique_id"],
            }
        return {**chat.details, **full}

    def _photos(self, params: Params) -> Params:
        user_id = needed(params, "user_id")
        if not self._chats.has_met(user_id):
            raise bad_request("user not found")
        sizes = self.profile_photos.get(user_id)
        return {"total_count": 1, "photos": [sizes]} if sizes else {"total_count": 0, "photos": []}

    def _action(self, params: Params) -> bool:
        self._chats.open_chat(params)
        if needed(params, "action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        return True

    def _answer_query(self, params: Params) -> bool:
        query = needed(params, "callback_query_id")
        if query not in self.open_queries:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        if len(params.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        self.open_queries.remove(query)
        return True

    def _edit_text(self, params: Params) -> Params:
        message = self._chats.open_chat(params).find(needed(params, "message_id"))
        # What the bot says for a Business account is from the account, and the bot's to edit all the same.
        if message is None or not (message.get("from", {}).get("is_bot") or "sender_business_bot" in message):
            raise bad_request("message to edit not found")
        text, markup = needed(params, "text"), params.get("reply_markup")
        if not text.strip():
            raise bad_request("message text is empty")
        if (text, markup) == (message.get("text"), message.get("reply_markup")):
            raise bad_request("message is not modified")
        message["text"] = text
        message.pop("reply_markup", None)
        if markup is not None:
            message["reply_markup"] = markup
        return message

    def _leave(self, params: Params) -> bool:
        chat = self._chats.open_chat(params)
        if chat.details["type"] == "private":
            raise bad_request("chat member status can't be changed in private chats")
        chat.left = True
        gone, there = ({"user": self._bot, "status": status} for status in ("left", "member"))
        self._updates.push([membership(chat.details, self._bot, there, gone)])
        return True

    def _read(self, params: Params) -> bool:
        needed(params, "business_connection_id")
        chat = self._chats.open_chat(params, right="can_read_messages")
        if chat.find(needed(params, "message_id")) is None:
            raise bad_request("message not found")
        chat.read_up_to = max(chat.read_up_to, params["message_id"])
        return True
