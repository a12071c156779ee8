"""`relay check --apply` sets the bot's commands, description and menu, by language, and only when it is asked to."""

from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.words.catalogue import languages, words_for
from tests.doctor.examined import run
from tests.e2e.process import environment, free_port


@pytest.fixture
def settings(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> dict[str, str]:
    return environment(telegram, kit, tmp_path, free_port(), free_port(), {})


async def test_the_bot_speaks_every_language_before_anybody_writes(
    telegram: TelegramLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """The operator's own words where there are some; a second run changes nothing."""
    (tmp_path / "texts.toml").write_text('[de]\ncustomer.about = "Gärtnerei Acme"\n')
    more = {"RELAY_TEXTS_FILE": str(tmp_path / "texts.toml"), "RELAY_ASK_PHONE": "command"}
    code, said = await run(tmp_path, {**settings, **more}, "check", "--apply")
    assert code == 0, said
    assert "15 of 15 were changed" in said
    profile = telegram.administration.profile
    assert profile.commands.keys() == {"", *languages()} - {"en"}
    assert [each["command"] for each in profile.commands["ru"]] == ["start", "phone"]
    assert profile.texts["short_description"]["de"] == "Gärtnerei Acme"
    assert profile.texts["description"][""] == words_for("en").say("customer.description")
    assert profile.menu == {"type": "commands"}
    code, said = await run(tmp_path, {**settings, **more}, "check", "--apply")
    assert (code, "0 of 15 were changed" in said) == (0, True), said
    sets = [call.method for call in telegram.calls if call.method.startswith("setMy")]
    assert len(sets) == 15


async def test_nothing_is_changed_unasked_and_what_is_too_long_is_said(
    telegram: TelegramLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """An operator's texts from @BotFather stay; a text that Telegram would refuse is found before anything is set."""
    code, said = await run(tmp_path, settings, "check")
    assert (code, "profile" in said) == (0, False), said
    (tmp_path / "texts.toml").write_text(f'[pt]\ncustomer.about = "{"x" * 121}"\n')
    more = {"RELAY_TEXTS_FILE": str(tmp_path / "texts.toml")}
    code, said = await run(tmp_path, {**settings, **more}, "check", "--apply")
    assert (code, "short_description in pt is longer than 120 characters" in said) == (1, True), said
    assert telegram.administration.profile.commands == {}
