"""What `relay setup` asks, and what the answers mean. Pure."""

from dataclasses import dataclass
from typing import Final, get_args

from relay.settings.loading import SettingsError, check_value
from relay.settings.schema import KitRegion

REGIONS: Final = get_args(KitRegion)
#: A secret that is so long may show its last characters: what is left is too much to guess.
_LONG: Final = 16
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Question:
    """One answer, which fills one setting (Kit's place: one of two)."""

    field: str
    prompt: str
    where: str  #: Where an operator finds it.
    secret: bool = False
    also: tuple["Question", ...] = ()  #: Whose answers are in doubt too, when this one does not prove right.


BOT: Final = Question(
    "telegram_bot_token",
    "Bot token",
    "In Telegram, @BotFather: /newbot, or /mybots for a bot that exists.",
    secret=True,
)
ADDRESS: Final = Question(
    "relay_public_url",
    "Public address",
    "The https address under which Kit and agents' browsers will reach the relay, such as https://relay.example.com.",
)
PLACE: Final = Question(
    "kit_region",
    "Kit's region or API host",
    f"One of {', '.join(REGIONS)}; or the custom channel API hostname, as Kit's screen shows it.",
)
DOMAIN: Final = Question("kit_domain", "Kit account", "The account's name: the first word of its address.")
API_TOKEN: Final = Question(
    "kit_api_token",
    "Kit API token",
    "In Kit: Administration > Security > API tokens > Add.",
    secret=True,
    also=(DOMAIN, PLACE),
)
SALT: Final = Question(
    "kit_security_salt",
    "Security Salt",
    "In the channel's settings, now that it is saved.",
    secret=True,
    also=(API_TOKEN,),
)
CHANNEL: Final = Question(
    "kit_channel_uuid", "Channel UUID", "In the channel's settings too.", also=(API_TOKEN, DOMAIN, PLACE)
)

#: In the order in which they are asked.
QUESTIONS: Final = (BOT, ADDRESS, PLACE, DOMAIN, API_TOKEN, SALT, CHANNEL)


def read_answer(question: Question, text: str) -> dict[str, str]:
    """The settings that an answer fills, by field. Raises SettingsError, with one line, if it cannot be right."""
    text = text.strip()
    if question is not PLACE:
        check_value(question.field, text)
        return {question.field: text}
    if text.lower() in REGIONS:
        return {"kit_region": text.lower(), "kit_api_url": ""}
    if "." not in text and ":" not in text:
        raise SettingsError([f"KIT_REGION: must be one of {', '.join(REGIONS)}, or a host name."])
    check_value("kit_api_url", text)
    return {"kit_api_url": text, "kit_region": ""}


def end_of(secret: str) -> str:
    """What people may see of a secret, to know it again; "" of a short one."""
    return f"…{secret[-_SHOWN:]}" if len(secret) >= _LONG else ""
