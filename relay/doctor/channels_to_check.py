"""What there is to examine: the channels that the settings describe, as far as they describe any.

One wrong setting must not hide what else is wrong, so stand-ins take the place of what cannot be used, and a check
that would need them is skipped.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.doctor.finding import Finding, well, wrong
from relay.settings.channels import Channel, load_channels
from relay.settings.loading import SettingsError, load_settings, settings_from
from relay.settings.schema import Settings
from relay.settings.sources import Unreadable, broken_lines, read_values, unknown_names

#: What a newcomer writes while Kit has not shown the values yet.
PENDING: Final = "pending"

_STAND_INS: Final[Mapping[str, str]] = {
    "telegram_bot_token": f"100000:{'A' * 35}",
    "kit_region": "eu",
    "kit_domain": "unset",
    "kit_api_token": "unset",
    "kit_channel_uuid": "unset",
    "kit_security_salt": "unset",
    "relay_public_url": "https://unset.invalid",
}
_SETUP: Final = "`relay setup` asks for it and says where it stands."
#: What stands in each line of a `SettingsError` about a setting that is not there.
_MISSING: Final = ": is missing"
#: How the lines of a `SettingsError` begin that is about no single setting.
_HOW_TO_BEGIN: Final = "Nothing is set"


@dataclass(frozen=True, slots=True)
class Subject:
    """One channel, and the settings of it that only stand-ins could be found for."""

    channel: Channel
    unusable: frozenset[str] = field(default_factory=frozenset)

    @property
    def settings(self) -> Settings:
        """The channel's."""
        return self.channel.settings

    def lacks(self, *fields: str) -> str:
        """Why a check that needs these settings cannot be made; "" when it can."""
        missing = [each.upper() for each in fields if each in self.unusable]
        return f"needs {' and '.join(missing)}" if missing else ""


def find_subjects(env_file: Path, config: Path) -> tuple[list[Finding], list[Subject]]:
    """What the settings say, and what of it can be examined."""
    findings = [
        wrong("settings", f"{env_file}, line {number}: is no setting", "Is a quote missing? It has no effect.")
        for number in broken_lines(env_file)
    ]
    findings += [
        wrong("settings", f"{env_file}: no setting is called {name}", "Is it misspelt? It has no effect.")
        for name in unknown_names(Settings, env_file)
    ]
    if config.exists():
        return _from_config(findings, env_file, config)
    try:
        subject = Subject(Channel("", load_settings(env_file)), frozenset())
    except SettingsError as error:
        lines = [line for line in error.lines if not line.startswith(_HOW_TO_BEGIN)]
        return [*findings, *_settings_lines(lines)], _stand_in(env_file, lines)
    pending = frozenset(
        name for name in ("kit_security_salt", "kit_channel_uuid") if _text(subject.settings, name) == PENDING
    )
    findings += [wrong(name.upper(), f"is still `{PENDING}`", _SETUP) for name in sorted(pending)]
    if not findings:
        findings.append(well("settings", _where(env_file)))
    return findings, [Subject(subject.channel, pending)]


def _from_config(findings: list[Finding], env_file: Path, config: Path) -> tuple[list[Finding], list[Subject]]:
    try:
        channels = load_channels(env_file, config)
    except SettingsError as error:
        return [*findings, *_settings_lines(error.lines)], []
    named = ", ".join(channel.name for channel in channels)
    return [*findings, well("settings", f"{config}: {named}")], [Subject(channel) for channel in channels]


def _settings_lines(lines: Collection[str]) -> Iterator[Finding]:
    """A finding for each line, but one for all that are merely missing."""
    missing = [line.partition(":")[0] for line in lines if _MISSING in line]
    if missing:
        yield wrong("settings", f"missing: {', '.join(missing)}", "`relay setup` asks for them.")
    for line in lines:
        name, colon, words = line.partition(": ")
        if _MISSING not in line:
            yield wrong(name, words, "") if colon and name.isupper() else wrong("settings", line, "")


def _where(env_file: Path) -> str:
    return f"complete, from {env_file} and the environment" if env_file.exists() else "complete, from the environment"


def _stand_in(env_file: Path, lines: Iterable[str]) -> list[Subject]:
    """What is left to examine when these lines are wrong; nothing if even stand-ins don't help."""
    fields = {line.partition(":")[0].removesuffix("_FILE").lower() for line in lines}
    unusable = frozenset(fields & Settings.model_fields.keys())
    try:
        values = read_values(Settings, env_file)
        return [Subject(Channel("", with_stand_ins({k: v for k, v in values.items() if k not in unusable})), unusable)]
    except (OSError, UnicodeError, SettingsError):
        return []


def with_stand_ins(values: Mapping[str, object]) -> Settings:
    """Settings in which stand-ins take the place of what is missing. Raises SettingsError for what is wrong."""
    stand_ins = dict(_STAND_INS)
    if values.get("kit_api_url"):
        del stand_ins["kit_region"]
    usable = {name: value for name, value in values.items() if not isinstance(value, Unreadable)}
    return settings_from({**stand_ins, **usable})


def _text(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return value if isinstance(value, str) else str(value.get_secret_value())
