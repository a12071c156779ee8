"""What `relay setup` asks, and what the answers mean. Pure."""

from dataclasses import dataclass
from typing import Final, get_args

from relay.settings.loading import SettingsError, check_value
from relay.settings.schema import KitRegion

REGIONS: Final = get_args(KitRegion)


@dataclass(frozen=True, slots=True)
class Question:
    """One answer, which fills one setting (Kit's place: one of two)."""

    field: str
    prompt: str
    where: str  #: Where an operator finds it.
    secret: bool = False


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
    "kit_api_token", "Kit API token", "In Kit: Administration > Security > API tokens > Add.", secret=True
)
SALT: Final = Question(
    "kit_security_salt", "Security Salt", "In the channel's settings, now that it is saved.", secret=True
)
CHANNEL: Final = Question("kit_channel_uuid", "Channel UUID", "In the channel's settings too.")

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
