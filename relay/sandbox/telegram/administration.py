"""The methods that send no message: who the bot is, webhooks, files, buttons, chats."""

import re
from typing import TYPE_CHECKING, Any

from relay.sandbox.telegram.chats import membership
from relay.sandbox.telegram.keyboards import check_markup
from relay.sandbox.telegram.methods import needed
from relay.sandbox.telegram.profile import Profile
from relay.sandbox.telegram.refusal import bad_request
from relay.sandbox.telegram.sending import ACTIONS, formatted
from relay.sandbox.telegram.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)

Params = dict[str, Any]


class Administration:
    """Answers by method. Everything it raises is a Refused."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.profile = Profile()
        self.webhook: Params = {}  #: What the last setWebhook said.
        self.webhook_error: Callable[[], Params] = dict  #: What the last call of the webhook ended with.
        self._answers: dict[str, Callable[[Params], object]] = {
            "getMe": lambda _: self._world.bot,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getFile": lambda params: self._world.files.get_file(needed(params, "file_id")),
            "getChat": self._chat,
            "getUserProfilePhotos": self._photos,
            "sendChatAction": self._action,
            "answerCallbackQuery": self._answer_query,
            "editMessageText": self._edit_text,
            "leaveChat": self._leave,
            "getBusinessConnection": lambda params: self._world.chats.connection(params).raw,
            "readBusinessMessage": self._read,
            **self.profile.answers,
        }

    def perform(self, method: str, params: Params) -> object:
        """The method's result."""
        return self._answers[method](params)

    def _set_webhook(self, params: Params) -> bool:
        url = params.get("url", "")
        if not url:  # as the real server has it: no address, no webhook
            return self._delete_webhook(params)
        if not re.match("https?://", url):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if "secret_token" in params and not _SECRET_TOKEN.fullmatch(params["secret_token"]):
            raise bad_request("secret token contains unallowed characters")
        if params.get("drop_pending_updates"):
            self._world.updates.clear()
        connections = min(max(params.get("max_connections", 40), 1), 100)
        self._world.updates.ask_for(params.get("allowed_updates"))
        self._world.updates.webhook_url, self.webhook = url, {**params, "max_connections": connections}
        return True

    def _delete_webhook(self, params: Params) -> bool:
        if params.get("drop_pending_updates"):
            self._world.updates.clear()
        self._world.updates.webhook_url, self.webhook = "", {}
        return True

    def _webhook_info(self, _: Params) -> Params:
        info = {name: self.webhook[name] for name in ("max_connections", "allowed_updates") if name in self.webhook}
        return info | {
            "url": self._world.updates.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": self._world.updates.pending_count,
            **self.webhook_error(),
        }

    def _chat(self, params: Params) -> Params:
        chat = self._world.chats.open_chat(params)
        gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
        full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": dict.fromkeys(gifts, True)}
        sizes = self._world.profile_photos.get(chat.id)
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
        if not self._world.chats.has_met(user_id):
            raise bad_request("user not found")
        sizes = self._world.profile_photos.get(user_id)
        return {"total_count": 1, "photos": [sizes]} if sizes else {"total_count": 0, "photos": []}

    def _action(self, params: Params) -> bool:
        self._world.chats.open_chat(params)
        if needed(params, "action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        return True

    def _answer_query(self, params: Params) -> bool:
        query = needed(params, "callback_query_id")
        if query not in self._world.open_queries:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        if len(params.get("text", "")) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        self._world.open_queries.remove(query)
        return True

    def _edit_text(self, params: Params) -> Params:
        message = self._world.chats.open_chat(params).find(needed(params, "message_id"))
        # What the bot says for a Business account is from the account, and the bot's to edit all the same.
        if message is None or not (message.get("from", {}).get("is_bot") or "sender_business_bot" in message):
            raise bad_request("message to edit not found")
        needed(params, "text")
        text, entities = formatted(params, "text")
        markup = params.get("reply_markup")
        check_markup(markup)
        if not text.strip():
            raise bad_request("message text is empty")
        if (text, markup) == (message.get("text"), message.get("reply_markup")):
            raise bad_request("message is not modified")
        message["text"] = text
        message.pop("entities", None)
        message.pop("reply_markup", None)
        if entities:
            message["entities"] = entities
        if markup is not None:
            message["reply_markup"] = markup
        return message

    def _leave(self, params: Params) -> bool:
        chat = self._world.chats.open_chat(params)
        if chat.details["type"] == "private":
            raise bad_request("chat member status can't be changed in private chats")
        chat.left = True
        gone, there = ({"user": self._world.bot, "status": status} for status in ("left", "member"))
        self._world.updates.push([membership(chat.details, self._world.bot, there, gone)])
        return True

    def _read(self, params: Params) -> bool:
        needed(params, "business_connection_id")
        chat = self._world.chats.open_chat(params, right="can_read_messages")
        if chat.find(needed(params, "message_id")) is None:
            raise bad_request("message not found")
        chat.read_up_to = max(chat.read_up_to, params["message_id"])
        return True
