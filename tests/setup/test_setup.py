"""`relay setup` from nothing to a relay that runs, with Kit's hen-and-egg problem on the way."""

import asyncio
import contextlib
import stat
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner, Result

from relay.cli.setting_up import setup
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.settings.loading import load_settings
from tests.doctor.examined import run
from tests.waiting import eventually


async def creates_channel(kit: KitLookAlike) -> None:
    """What Kit does while its form is saved: it asks until somebody answers, in the test's own time."""

    async def answered() -> bool:
        return (await kit.test_callback()).status == 200

    await eventually(answered)


async def a_stranger_asks_first(kit: KitLookAlike, port: int) -> None:
    """A scanner, or a browser, that asks without a signature; Kit comes after it."""
    url = f"http://127.0.0.1:{port}/kit/callback"

    async def answered() -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(url) as response:
                return response.status == 200
        return False

    await eventually(answered)
    await creates_channel(kit)


async def talk(env_file: Path, *lines: str) -> Result:
    """Somebody at a terminal, who types these lines."""
    typed = "".join(f"{line}\n" for line in lines)
    return await asyncio.to_thread(CliRunner().invoke, setup, ["--env-file", str(env_file)], input=typed)


async def test_from_nothing_to_a_file_that_works(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """Seven answers; Kit's test comes in between, proves the salt, and `relay check` finds nothing wrong after it."""
    env_file, address = tmp_path / ".env", f"http://127.0.0.1:{port}"
    answers = [telegram.token, address, kit.url, kit.domain, kit.api_token, kit.salt, kit.channel_uuid]
    result, _ = await asyncio.gather(talk(env_file, *answers), creates_channel(kit))
    assert result.exit_code == 0, result.output
    for line in (
        "✓ bot: @",
        "✓ public address: http",
        "✓ callback: a signed test request came in",
        "✓ signature:",
        "✓ Kit login:",
    ):
        assert line in result.output
    assert f"callback URL  {address}/kit/callback" in result.output
    assert not [secret for secret in (telegram.token, kit.api_token, kit.salt) if secret in result.output]
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    assert env_file.read_text().startswith("# mine\n")
    settings = load_settings(env_file)
    assert (settings.kit_security_salt.get_secret_value(), settings.kit_base_url) == (kit.salt, kit.url)
    assert (await run(tmp_path, {}, "check"))[0] == 0


async def test_a_wrong_answer_is_asked_for_again(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """A token with a space, a token that Telegram does not know, a misspelt region, the salt of another channel."""
    answers = [
        "12 34",
        f"1{telegram.token}",
        "n",
        telegram.token,
        "http://relay.example.com",
        f"http://127.0.0.1:{port}",
        "eue",
        kit.url,
        kit.domain,
        kit.api_token,
        "another-salt",
        "1",
        kit.salt,
        kit.channel_uuid,
    ]
    result, _ = await asyncio.gather(talk(tmp_path / ".env", *answers), creates_channel(kit))
    assert result.exit_code == 0, result.output
    for line in (
        "TELEGRAM_BOT_TOKEN: has a space in it.",
        "Telegram does not know TELEGRAM_BOT_TOKEN",
        "RELAY_PUBLIC_URL: must begin with https://",
        "KIT_REGION: must be one of us,",
        "who asked had signed with other secrets",
    ):
        assert line in result.output
    assert load_settings(tmp_path / ".env").kit_security_salt.get_secret_value() == kit.salt


async def test_run_again_it_offers_what_is_there(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """Seven times Enter change nothing, whatever else stands in the file."""
    env_file, answers = tmp_path / ".env", [telegram.token, f"http://127.0.0.1:{port}", kit.url, kit.domain]
    answers += [kit.api_token, kit.salt, kit.channel_uuid]
    await asyncio.gather(talk(env_file, *answers), creates_channel(kit))
    before = env_file.read_text()
    result, _ = await asyncio.gather(talk(env_file, *[""] * 7), creates_channel(kit))
    assert result.exit_code == 0, result.output
    assert env_file.read_text() == before


async def test_a_script_gives_every_answer_by_variable(variables: dict[str, str], tmp_path: Path) -> None:
    """Nothing is asked, nothing is waited for, and the file is the same."""
    answers = {**variables, "KIT_SECURITY_SALT": "$alt'with \"odd\\things"}
    code, said = await run(tmp_path, answers, "setup", "--no-input", "--wait", "0")
    assert (code, "nothing was written" in said) == (1, False), said  # a salt with a space in it
    answers["KIT_SECURITY_SALT"] = "$alt'with\"odd\\things"
    code, said = await run(tmp_path, answers, "setup", "--no-input", "--wait", "0")
    assert code == 0, said
    settings = load_settings(tmp_path / ".env")
    assert settings.kit_security_salt.get_secret_value() == answers["KIT_SECURITY_SALT"]
    assert settings.telegram_bot_token.get_secret_value() == answers["TELEGRAM_BOT_TOKEN"]


@pytest.mark.usefixtures("port")
async def test_a_script_that_forgets_an_answer_is_told_which(telegram: TelegramLookAlike, tmp_path: Path) -> None:
    """It fails in one line, and writes nothing."""
    before = (tmp_path / ".env").read_text()
    code, said = await run(tmp_path, {"TELEGRAM_BOT_TOKEN": telegram.token}, "setup", "--no-input", "--wait", "0")
    assert code == 1
    missing = ("RELAY_PUBLIC_URL", "KIT_REGION", "KIT_DOMAIN", "KIT_API_TOKEN", "KIT_SECURITY_SALT", "KIT_CHANNEL_UUID")
    assert said.splitlines()[-6:] == [f"{name} is missing." for name in missing]
    assert (tmp_path / ".env").read_text() == before


async def test_a_script_is_told_which_answers_may_be_the_wrong_one(variables: dict[str, str], tmp_path: Path) -> None:
    """A login that Kit refuses shows at the last answer, which need not be to blame."""
    wrong = {**variables, "KIT_API_TOKEN": "another-token"}
    code, said = await run(tmp_path, wrong, "setup", "--no-input", "--wait", "0")
    doubtful = "KIT_CHANNEL_UUID, KIT_API_TOKEN, KIT_DOMAIN, KIT_REGION"
    assert (code, said.splitlines()[-1]) == (1, f"one of {doubtful} did not prove right; nothing was written.")


@pytest.mark.usefixtures("port")
async def test_a_token_that_does_not_prove_right_is_not_written(kit: KitLookAlike, tmp_path: Path) -> None:
    """Unless --no-check says that nobody is to be asked."""
    answers = {
        "TELEGRAM_BOT_TOKEN": f"100000:{'A' * 35}",
        "RELAY_PUBLIC_URL": "https://relay.example.com",
        "KIT_REGION": "eu",
        "KIT_DOMAIN": kit.domain,
        "KIT_API_TOKEN": kit.api_token,
        "KIT_SECURITY_SALT": kit.salt,
        "KIT_CHANNEL_UUID": kit.channel_uuid,
    }
    code, said = await run(tmp_path, answers, "setup", "--no-input", "--wait", "0")
    assert (code, said.splitlines()[-1]) == (1, "TELEGRAM_BOT_TOKEN did not prove right; nothing was written.")
    code, _ = await run(tmp_path, answers, "setup", "--no-input", "--no-check", "--wait", "0")
    assert code == 0
    assert load_settings(tmp_path / ".env").kit_region == "eu"


async def test_who_leaves_in_the_middle_goes_on_there(telegram: TelegramLookAlike, port: int, tmp_path: Path) -> None:
    """What was answered is kept, as secret as the rest; the next run offers it."""
    env_file = tmp_path / ".env"
    result = await talk(env_file, telegram.token, f"http://127.0.0.1:{port}")
    assert result.exit_code == 1
    assert "run this again to go on" in result.output
    assert f"RELAY_PUBLIC_URL='http://127.0.0.1:{port}'" in env_file.read_text()
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


async def test_a_stranger_is_not_taken_for_kit(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """Whoever else asks meanwhile gets an answer and decides nothing: Kit's own test still comes, and proves."""
    answers = [telegram.token, f"http://127.0.0.1:{port}", kit.url, kit.domain, kit.api_token, kit.salt]
    talking = talk(tmp_path / ".env", *answers, kit.channel_uuid)
    result, _ = await asyncio.gather(talking, a_stranger_asks_first(kit, port))
    assert result.exit_code == 0, result.output


async def test_a_salt_that_nobody_proved_is_said_to_be_unproven(variables: dict[str, str], tmp_path: Path) -> None:
    """Without a signed test the salt is taken on trust, aloud."""
    answers = {**variables, "KIT_SECURITY_SALT": "wrong-but-who-knows"}
    code, said = await run(tmp_path, answers, "setup", "--no-input", "--wait", "0")
    assert (code, "· signature: not proven" in said) == (0, True)
