"""What people see of the bot before they write: its commands, descriptions and menu, by language.

https://core.telegram.org/bots/api#setmycommands
"""

import re
from typing import Any, Final

from relay.sandbox.telegram.methods import needed, utf16_length
from relay.sandbox.telegram.refusal import bad_request

Params = dict[str, Any]

_COMMAND: Final = re.compile(r"[a-z0-9_]{1,32}", re.ASCII)
_LANGUAGE: Final = re.compile(r"([a-z]{2})?", re.ASCII)
_LONGEST: Final = {"description": 512, "short_description": 120}


class Profile:
    """The bot's texts. Everything it raises is a Refused."""

    def __init__(self) -> None:
        self.commands: dict[str, list[Params]] = {}  #: By language; "" is everybody's whose language has none.
        self.texts: dict[str, dict[str, str]] = {"description": {}, "short_description": {}}
        self.menu: Params = {"type": "default"}
        self.answers = {
            "getMyCommands": lambda params: self.commands.get(_language(params), []),
            "setMyCommands": self._set_commands,
            "getMyDescription": lambda params: self._get("description", params),
            "setMyDescription": lambda params: self._set("description", params),
            "getMyShortDescription": lambda params: self._get("short_description", params),
            "setMyShortDescription": lambda params: self._set("short_description", params),
            "setChatMenuButton": self._set_menu,
        }

    def _set_commands(self, params: Params) -> bool:
        commands = needed(params, "commands")
        for each in commands:
            if not isinstance(each, dict) or not _COMMAND.fullmatch(str(each.get("command"))):
                raise bad_request("BOT_COMMAND_INVALID")
            if not 1 <= len(str(each.get("description", ""))) <= 256:
                raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        self.commands[_language(params)] = commands
        return True

    def _get(self, name: str, params: Params) -> Params:
        return {name: self.texts[name].get(_language(params), "")}

    def _set(self, name: str, params: Params) -> bool:
        text = params.get(name, "")
        if utf16_length(text) > _LONGEST[name]:
            raise bad_request(f"{name.upper()}_TOO_LONG")
        self.texts[name][_language(params)] = text
        return True

    def _set_menu(self, params: Params) -> bool:
        self.menu = params.get("menu_button", {"type": "default"})
        if self.menu.get("type") not in {"commands", "web_app", "default"}:
            raise bad_request("menu button type is invalid")
        return True


def _language(params: Params) -> str:
    code = str(params.get("language_code", ""))
    if not _LANGUAGE.fullmatch(code):
        raise bad_request("invalid language code specified")
    return code
