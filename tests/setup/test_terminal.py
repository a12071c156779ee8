"""`relay setup` on a real terminal: wrong answers are mended on the spot, and a second run offers the first."""

import asyncio
from pathlib import Path

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.settings.channels import load_channels
from relay.settings.loading import load_settings
from tests.e2e.process import free_port
from tests.setup.terminals import setting_up
from tests.setup.test_setup import creates_channel


async def test_each_answer_wrong_once_is_mended_where_it_is_found(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """Each is refused as early as it can be, asked for again, and nothing is begun anew."""
    address, nobody = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"
    async with setting_up(tmp_path) as terminal:
        await terminal.answers("Bot token: ", f"1{telegram.token}")
        assert f"…{telegram.token[-4:]} ({len(telegram.token) + 1} characters)" in await terminal.until("✗ bot")
        await terminal.answers("Use it all the same? [y/N]", "n")
        await terminal.answers("Bot token", telegram.token)
        await terminal.until("✓ bot: @")
        await terminal.answers("Public address: ", nobody)
        await terminal.until("✗ public address")
        await terminal.answers("Use it all the same? [y/N]", "n")
        await terminal.answers("Public address", address)
        await terminal.until("✓ public address")
        await terminal.answers("API host: ", telegram.url)
        await terminal.until("✗ Kit host: what answers at")
        await terminal.answers("Use it all the same? [y/N]", "n")
        await terminal.answers("API host", kit.url)
        await terminal.until("✓ Kit host")
        await terminal.answers("Kit account: ", "another-account")
        await terminal.answers("Kit API token: ", kit.api_token)
        await terminal.until("✗ Kit account")
        await terminal.answers("Which one to give again? [1]", "2")
        await terminal.answers("Kit account [another-account]: ", kit.domain)
        await terminal.until("✓ Kit account")
        await creates_channel(kit)
        await terminal.until("✓ callback")
        await terminal.answers("Security Salt: ", "the-salt-of-another-channel")
        await terminal.until("✗ signature")
        await terminal.answers("Which one to give again? [1]", "")
        await terminal.answers("Security Salt [Enter keeps the one that ends in …nnel]: ", kit.salt)
        await terminal.until("✓ signature")
        await terminal.answers("Channel UUID: ", "0b5a6e9e")
        await terminal.until("✗ Kit login")
        await terminal.answers("Which one to give again? [1]", "1")
        await terminal.answers("Channel UUID [0b5a6e9e]: ", kit.channel_uuid)
        assert await terminal.ended() == 0, terminal.seen
    assert not [secret for secret in (telegram.token, kit.api_token, kit.salt) if secret in terminal.seen]
    settings = load_settings(tmp_path / ".env")
    assert (settings.kit_domain, settings.kit_channel_uuid) == (kit.domain, kit.channel_uuid)
    assert (settings.relay_public_url, settings.kit_base_url) == (address, kit.url)


async def test_an_api_token_that_shows_wrong_only_at_the_salt_is_mended_there(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """It was used all the same, since nobody could prove it; then Kit's own signature tells."""
    async with setting_up(tmp_path) as terminal:
        for question, answer in (
            ("Bot token: ", telegram.token),
            ("Public address: ", f"http://127.0.0.1:{port}"),
            ("API host: ", kit.url),
            ("Kit account: ", kit.domain),
            ("Kit API token: ", "an-old-token"),
            ("Which one to give again? [1]", "0"),
        ):
            await terminal.answers(question, answer)
        await creates_channel(kit)
        await terminal.answers("Security Salt: ", kit.salt)
        await terminal.until("✗ signature")
        await terminal.answers("Which one to give again? [1]", "2")
        await terminal.answers("Kit API token", kit.api_token)
        await terminal.until("✓ signature")
        await terminal.answers("Channel UUID: ", kit.channel_uuid)
        assert await terminal.ended() == 0, terminal.seen
    assert load_settings(tmp_path / ".env").kit_api_token.get_secret_value() == kit.api_token


async def test_a_second_run_in_a_container_asks_again_and_offers_what_is_there(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, variables: dict[str, str], tmp_path: Path
) -> None:
    """There the answers of the first run come back as environment; one of them is changed."""
    answers = {**variables, "KIT_DOMAIN": "the-old-account"}
    env_file = tmp_path / ".env"
    said = env_file.read_text() + "".join(f"{name}={value}\n" for name, value in answers.items())
    env_file.write_text(said)
    environment = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    async with setting_up(tmp_path, environment=environment) as terminal:
        await terminal.answers(f"Bot token [Enter keeps the one that ends in …{telegram.token[-4:]}]: ", "")
        await terminal.answers(f"Public address [http://127.0.0.1:{port}]: ", "")
        await terminal.answers(f"API host [{kit.url}]: ", "")
        await terminal.answers("Kit account [the-old-account]: ", kit.domain)
        await terminal.answers("Kit API token [Enter keeps the one that is set]: ", "")
        await terminal.until("✓ Kit account")
        await terminal.answers("Enter goes on without it", "")
        await terminal.answers("Security Salt [Enter keeps the one that is set]: ", "")
        await terminal.answers(f"Channel UUID [{kit.channel_uuid}]: ", "")
        assert await terminal.ended() == 0, terminal.seen
    assert "is set in the environment too" not in terminal.seen
    assert env_file.read_text() == said.replace("the-old-account", kit.domain)


async def test_what_the_environment_overrules_is_said(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """Outside of a container nobody makes a variable of what the file says: the old value would win for ever."""
    async with setting_up(tmp_path, "--no-check", "--wait", "0", environment={"KIT_DOMAIN": "old"}) as terminal:
        for question, answer in (
            ("Bot token: ", telegram.token),
            ("Public address: ", f"http://127.0.0.1:{port}"),
            ("API host: ", kit.url),
            ("Kit account [old]: ", kit.domain),
            ("Kit API token: ", kit.api_token),
            ("Security Salt: ", kit.salt),
            ("Channel UUID: ", kit.channel_uuid),
        ):
            await terminal.answers(question, answer)
        assert await terminal.ended() == 0, terminal.seen
    assert "✗ KIT_DOMAIN is set in the environment too, to another value" in terminal.seen


async def test_one_ctrl_c_ends_it_and_keeps_the_answers(tmp_path: Path) -> None:
    """On a terminal, in the middle of a question; what was answered before is written."""
    token = f"123456789:{'A' * 35}"
    async with setting_up(tmp_path, "--no-check", environment={"TELEGRAM_BOT_TOKEN": token}) as terminal:
        await terminal.answers("Bot token", "")
        await terminal.until("Public address: ")
        await terminal.waits_for_keys()
        terminal.press(b"\x03")
        assert await terminal.ended() == 1, terminal.seen
    assert token in (tmp_path / ".env").read_text()


async def test_a_port_that_is_taken_is_said_while_it_can_still_be_freed(
    telegram: TelegramLookAlike, port: int, tmp_path: Path
) -> None:
    """Whoever has it does not answer Kit; once it is free, the same answer is right."""
    address = f"http://127.0.0.1:{port}"
    async with setting_up(tmp_path) as terminal:
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
            await terminal.answers("Bot token: ", telegram.token)
            await terminal.answers("Public address: ", address)
            assert "Stop what runs there" in await terminal.until("Use it all the same?")
        terminal.press(b"n\n")
        await terminal.answers(f"Public address [{address}]: ", "")
        await terminal.until("✓ public address")


async def test_a_second_bot_goes_into_relay_toml_beside_the_first(
    telegram: TelegramLookAlike, kit: KitLookAlike, port: int, tmp_path: Path
) -> None:
    """What both share is offered and not repeated; the file holds secrets, so strangers may not read it."""
    first = f"100000:{'A' * 35}"
    with (tmp_path / ".env").open("a") as file:
        file.write(f"TELEGRAM_BOT_TOKEN={first}\nRELAY_PUBLIC_URL=http://127.0.0.1:{port}\nKIT_API_URL={kit.url}\n")
        file.write(f"KIT_DOMAIN={kit.domain}\nKIT_API_TOKEN=first-token\nKIT_SECURITY_SALT=a\nKIT_CHANNEL_UUID=b\n")
    kit.callbacks.url = f"http://127.0.0.1:{port}/kit/callback/sales"
    async with setting_up(tmp_path, "--channel", "sales") as terminal:
        await terminal.answers("Its name [main]: ", "support")
        await terminal.answers("Bot token: ", telegram.token)
        await terminal.answers(f"Public address [http://127.0.0.1:{port}]: ", "")
        await terminal.answers(f"API host [{kit.url}]: ", "")
        await terminal.answers(f"Kit account [{kit.domain}]: ", "")
        await terminal.answers("Kit API token [Enter keeps the one that is set]: ", kit.api_token)
        await terminal.until("/kit/callback/sales")
        await creates_channel(kit)
        await terminal.answers("Security Salt: ", kit.salt)
        await terminal.answers("Channel UUID: ", kit.channel_uuid)
        assert await terminal.ended() == 0, terminal.seen
    assert "it ends in /kit/callback/support" in terminal.seen
    config = tmp_path / "relay.toml"
    assert config.stat().st_mode & 0o007 == 0
    assert "kit_domain" not in config.read_text()
    support, sales = load_channels(tmp_path / ".env", config)
    assert (support.name, support.key) == ("support", "100000")
    assert (sales.name, sales.key) == ("sales", telegram.token.partition(":")[0])
    assert (sales.settings.kit_domain, sales.settings.kit_channel_uuid) == (kit.domain, kit.channel_uuid)
    assert support.settings.kit_api_token.get_secret_value() == "first-token"
