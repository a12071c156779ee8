"""Several bots in one relay: `relay.toml` names the channels, each a bot and its Kit channel.

    relay_public_url = "https://relay.example.com"
    kit_domain = "acme"
    kit_region = "eu"

    [[channel]]
    name = "support"
    telegram_bot_token_file = "/run/secrets/support_bot_token"
    kit_api_token_env = "SUPPORT_KIT_API_TOKEN"
    ...

Keys are the settings' names in lower case. What stands above the channels is for all of them, and the environment wins
over it; what stands in a channel is that channel's and wins over everything. Without the file, the environment says
everything about the one channel.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeGuard

from relay.settings.loading import SettingsError, load_settings, settings_from
from relay.settings.schema import Settings
from relay.settings.sources import Unreadable, file_content, read_values

#: Settings of this family that a channel may have to itself; the others are the whole relay's.
PER_CHANNEL: Final = frozenset(field for field in Settings.model_fields if field.startswith(("telegram_", "kit_"))) | {
    "relay_agent_language",
    "relay_ask_phone",
    "relay_ask_rating",
    "relay_away_notice_minutes",
    "relay_business_owners",
    "relay_closing_texts",
    "relay_customer_rate_limit",
    "relay_greeting",
    "relay_link_previews",
    "relay_show_agent_name",
    "relay_start",
    "relay_leave_groups",
}

_NAME: Final = re.compile("[a-z0-9-]{1,32}")
_NEEDS_A_NAME: Final = "needs a name of its own: small letters, digits and dashes, up to 32."
CHANNEL_NAME_WORDS: Final = f"a channel {_NEEDS_A_NAME}"


@dataclass(frozen=True, slots=True)
class Channel:
    """One bot and its Kit channel. `name` is "" when the environment alone describes it."""

    name: str
    settings: Settings

    @property
    def key(self) -> str:
        """What the store knows it by: the bot's id, which outlives tokens, names and Kit channels."""
        return self.settings.bot_id

    @property
    def label(self) -> str:
        """What people know it by."""
        return self.name or self.key

    @property
    def callback_path(self) -> str:
        """Where Kit calls: the public URL and this is the channel's callback URL."""
        return f"/kit/callback/{self.name}" if self.name else "/kit/callback"

    @property
    def webhook_path(self) -> str:
        """Where Telegram calls, if it does."""
        return f"/telegram/webhook/{self.name}" if self.name else "/telegram/webhook"

    @property
    def webhook_url(self) -> str:
        """The public address of it."""
        return self.settings.relay_public_url.rstrip("/") + self.webhook_path


def is_channel_name(name: object) -> TypeGuard[str]:
    """Whether a channel can be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def load_channels(env_file: Path | None = Path(".env"), config: Path = Path("relay.toml")) -> tuple[Channel, ...]:
    """Read `config` if there is one, the environment, and `env_file`.

    Raises SettingsError with a line for everything that is missing or wrong.
    """
    if not config.exists():
        return (Channel("", load_settings(env_file)),)
    shared, tables = _read(config)
    try:
        values = {**shared, **read_values(Settings, env_file)}
    except (OSError, UnicodeError):
        raise SettingsError([f"{env_file}: is there and cannot be read as text in UTF-8."]) from None
    channels: list[Channel] = []
    wrong: dict[str, list[str]] = {}
    for name, table in tables.items():
        try:
            channels.append(Channel(name, settings_from({**values, **table})))
        except SettingsError as error:
            wrong[name] = error.lines
    lines = [*_told_once(config, wrong, len(tables)), *_same_bots(config, channels)]
    if lines:
        raise SettingsError(lines)
    return tuple(channels)


def _read(config: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What the file says for all, and by channel. Raises SettingsError."""
    import tomllib  # noqa: PLC0415 - memory that most relays need not spend

    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeError):
        raise SettingsError([f"{config}: is there and cannot be read as text in UTF-8."]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{config}: is not TOML: {_place(error)}."]) from None
    tables = document.pop("channel", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise SettingsError([f"{config}: has no channel. Begin one with a line [[channel]]."])
    lines = [*_unknown(f"{config}", document, frozenset(Settings.model_fields))]
    named: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(tables, 1):
        name = table.pop("name", None)
        if not is_channel_name(name) or name in named:
            lines.append(f"{config}: channel {number} {_NEEDS_A_NAME}")
            continue
        lines += _unknown(f"{config}, channel {name}", table, PER_CHANNEL)
        named[name] = values_in(table)
    if lines:
        raise SettingsError(lines)
    return values_in(document), named


def _place(error: ValueError) -> str:
    # Its words may show the line, and with it a secret; where it is says enough.
    found = re.search(r"\(at [^)]*\)", str(error))
    return f"look {found.group()[1:-1]}" if found else "it ends too early"


def _unknown(where: str, table: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for key in table:
        field = _field(key)
        if field in Settings.model_fields and field not in known:
            yield f"{where}: {key} is the whole relay's. Move it above the first [[channel]]."
        elif field not in known:
            yield f"{where}: no setting is called {key}. Is it misspelt?"


def _field(key: str) -> str:
    return key if key in Settings.model_fields else key.removesuffix("_file").removesuffix("_env")


def values_in(table: Mapping[str, Any]) -> dict[str, Any]:
    """What a table of the file says of each field, from wherever it takes it; Unreadable where that says nothing."""
    return {_field(key): _value(key, value) for key, value in table.items()}


def _value(key: str, value: object) -> object:
    if key in Settings.model_fields:
        return value
    if not isinstance(value, str):
        return Unreadable(f"{key.upper()}: must be text in quotes.")
    if key.endswith("_file"):
        return file_content(key.upper(), value)
    return os.environ.get(value) or Unreadable(f"{key.upper()}: names a variable that is not set.")


def _told_once(config: Path, wrong: Mapping[str, list[str]], channels: int) -> Iterator[str]:
    """What is wrong with every channel is wrong above them: said once."""
    seen = Counter(line for lines in wrong.values() for line in set(lines))
    everywhere = {line for line, times in seen.items() if times == channels and channels > 1}
    for name, lines in wrong.items():
        yield from (f"{config}, channel {name}: {line}" for line in lines if line not in everywhere)
    for lines in list(wrong.values())[:1]:
        yield from (line for line in lines if line in everywhere)


def _same_bots(config: Path, channels: list[Channel]) -> Iterator[str]:
    bots: dict[str, str] = {}
    for channel in channels:
        other = bots.setdefault(channel.settings.bot_id, channel.name)
        if other != channel.name:
            yield f"{config}: the channels {other} and {channel.name} have the same bot. Each needs one of its own."
