"""`relay check --apply`: the bot's commands, description and menu, in each language that the relay speaks.

https://core.telegram.org/bots/api#setmycommands and its neighbours
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from telegram import Bot

from relay.doctor.finding import Finding, well, wrong
from relay.doctor.telegram import the_bot
from relay.errors import RelayError
from relay.settings.schema import Settings
from relay.telegram.api import call
from relay.words.catalogue import ENGLISH, languages, overridden, words_for
from relay.words.texts import read_texts

_NAME: Final = "profile"
#: Characters that Telegram takes.
_LONGEST: Final = {"description": 512, "short_description": 120}
_LONGEST_COMMAND: Final = 256
#: By name, the line that says what each does.
_COMMANDS: Final = {"start": "customer.command_start", "phone": "customer.command_phone"}


@dataclass(frozen=True, slots=True)
class _Text:
    """One thing that is set: how it is asked for, how it is set, and what it is to be."""

    asks: str
    sets: str
    field: str  #: In what Telegram answers and takes.
    value: Any
    language: str  #: "": for everybody whose language has none of its own.


async def apply_profile(settings: Settings) -> list[Finding]:
    """Set what is not so yet. The texts are the catalogue's, and the operator's own where RELAY_TEXTS_FILE has them."""
    with ExitStack() as stack:
        if settings.relay_texts_file is not None:
            stack.enter_context(overridden(read_texts(settings.relay_texts_file)))
        texts = list(_texts(settings))
    changed = 0
    for each in texts:
        if (limit := _LONGEST.get(each.field)) and len(each.value) > limit:
            words = f"{each.field} in {each.language or ENGLISH} is longer than {limit} characters"
            return [wrong(_NAME, words, "Shorten it in RELAY_TEXTS_FILE.")]
    try:
        async with the_bot(settings) as bot:
            for each in texts:
                changed += await _apply(bot, each)
            await call(bot, "setChatMenuButton", {"menu_button": {"type": "commands"}})
    except RelayError as error:
        return [wrong(_NAME, f"{error}; {changed} texts were changed before that", "Run relay check --apply again.")]
    spoken = ", ".join(languages())
    return [well(_NAME, f"commands, description and menu are set ({spoken}); {changed} of {len(texts)} were changed")]


async def _apply(bot: Bot, text: _Text) -> bool:
    """Whether it had to be changed."""
    language = {"language_code": text.language} if text.language else {}
    found = await call(bot, text.asks, language)
    if isinstance(found, dict):
        found = found.get(text.field)
    if found == text.value:
        return False
    await call(bot, text.sets, {text.field: text.value, **language})
    return True


def _texts(settings: Settings) -> Iterator[_Text]:
    names = [name for name in _COMMANDS if name == "start" or settings.relay_ask_phone != "off"]
    # English without a code is for all whom no other language serves.
    for language in ("", *(each for each in languages() if each != ENGLISH)):
        words = words_for(language or ENGLISH)
        commands = [{"command": name, "description": words.say(_COMMANDS[name])[:_LONGEST_COMMAND]} for name in names]
        description, about = words.say("customer.description"), words.say("customer.about")
        yield _Text("getMyCommands", "setMyCommands", "commands", commands, language)
        yield _Text("getMyDescription", "setMyDescription", "description", description, language)
        yield _Text("getMyShortDescription", "setMyShortDescription", "short_description", about, language)
