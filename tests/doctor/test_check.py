"""`relay check` between the look-alikes: what is well is said to be well, and each thing that is not has its remedy."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from aiohttp import web

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.places import group
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.lock import hold_lock
from relay.web.serving import serve
from tests.databases import new_database
from tests.doctor.examined import examined, run
from tests.e2e.process import environment, free_port, relay_between

CERTIFICATE = Path(__file__).parents[1] / "telegram" / "self_signed.pem"


@pytest.fixture
def settings(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> dict[str, str]:
    """Those of a relay that is all right."""
    return environment(telegram, kit, tmp_path, free_port(), free_port(), {})


async def test_all_is_well_before_the_first_start(settings: dict[str, str], tmp_path: Path) -> None:
    """Nothing is wrong, the public address is proven by somebody who stands in, and nothing was made or changed."""
    found = await examined(tmp_path, settings)
    assert found.code == 0
    assert {name for name, verdict in found.verdicts.items() if verdict == "skipped"} == {
        "certificate",
        "relay",
        "signature",
    }
    assert "leads here" in found.lines["public address"]
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a test may look


async def test_all_is_well_beside_a_running_relay(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Nothing is wrong; the relay takes a signed sample, delivers nothing for it, and its media links get through."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await relay.ready()
        found = await examined(tmp_path, relay.environment)
        assert found.code == 0, found.output
        assert found.lines["relay"] == "runs, and is well"
        assert {found.verdicts[name] for name in ("signature", "media links", "callback", "database")} == {"well"}
        assert (await relay.figures("to_telegram")).declined == 1
    assert not kit.events


async def test_three_things_wrong_are_three_lines(
    telegram: TelegramLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """A token that Telegram does not know, another account, a misspelt name: each is named with what to do."""
    (tmp_path / ".env").write_text("RELAY_PORTT=1\n")
    wrong = {**settings, "TELEGRAM_BOT_TOKEN": f"1{telegram.token}", "KIT_DOMAIN": "somebody-else"}
    found = await examined(tmp_path, wrong)
    assert found.code == 1
    assert {name for name, verdict in found.verdicts.items() if verdict == "wrong"} == {"bot", "Kit login", "settings"}
    assert "@BotFather" in found.lines["bot"]
    assert "KIT_DOMAIN" in found.lines["Kit login"]
    assert "RELAY_PORTT" in found.lines["settings"]
    code, text = await run(tmp_path, wrong, "check")
    assert code == 1
    assert [line.split()[1] for line in text.splitlines() if line.startswith("✗")] == ["settings", "bot", "Kit"]


async def test_no_secret_is_said(
    telegram: TelegramLookAlike, kit: KitLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """Whatever goes wrong, neither report holds token, API token or salt."""
    await kit.server.stop()
    await telegram.server.stop()
    said = [(await run(tmp_path, settings, "check", *more))[1] for more in ((), ("--json",))]
    secrets = (telegram.token, telegram.token.partition(":")[2], kit.api_token, kit.salt)
    assert not [secret for secret in secrets if any(secret in each for each in said)]


@pytest.mark.parametrize(
    ("wrong", "name", "words"),
    [
        ({"TELEGRAM_BOT_TOKEN": "12 34"}, "TELEGRAM_BOT_TOKEN", "has a space in it"),
        ({"KIT_API_URL": "", "KIT_REGION": "eue"}, "KIT_REGION", "must be one of"),
        ({"KIT_SECURITY_SALT": ""}, "settings", "KIT_SECURITY_SALT `relay setup` asks"),
        ({"KIT_SECURITY_SALT": "pending"}, "KIT_SECURITY_SALT", "is still `pending`"),
        ({"RELAY_PUBLIC_URL": "http://relay.example.com"}, "RELAY_PUBLIC_URL", "must begin with https://"),
        ({"RELAY_DATABASE_URL": "sqlite:////proc/relay.db"}, "database", "cannot be written"),
        ({"RELAY_DATA_DIR": "/proc/relay"}, "disk", "RELAY_DATA_DIR"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_a_newcomers_slip_is_one_line_and_hides_nothing_else(
    settings: dict[str, str], tmp_path: Path, wrong: dict[str, str], name: str, words: str
) -> None:
    """The line says what to do, and what does not depend on the setting is examined all the same."""
    found = await examined(tmp_path, {**settings, **wrong})
    assert found.code == 1
    assert [each for each, verdict in found.verdicts.items() if verdict == "wrong"] == [name]
    assert words in found.lines[name]
    assert "well" in {found.verdicts["bot"], found.verdicts["Kit login"]}


async def test_a_taken_port_is_noticed(settings: dict[str, str], tmp_path: Path) -> None:
    """Another program on the relay's port is not taken for a relay."""
    async with serve(web.Application(), "127.0.0.1", int(settings["RELAY_PORT"])):
        found = await examined(tmp_path, settings)
    assert {name for name, verdict in found.verdicts.items() if verdict == "wrong"} == {
        "callback",
        "media links",
        "port",
        "signature",
    }
    assert "set RELAY_PORT" in found.lines["port"]
    assert "answers 404" in found.lines["callback"]


async def test_a_relay_with_other_secrets_is_noticed(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Who changed the salt and did not restart the relay is told so."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await relay.ready()
        found = await examined(tmp_path, {**relay.environment, "KIT_SECURITY_SALT": "the-new-one"})
    assert [name for name, verdict in found.verdicts.items() if verdict == "wrong"] == ["signature"]
    assert "Restart it." in found.lines["signature"]


async def test_a_webhook_and_a_backlog_at_telegram_are_noticed(
    telegram: TelegramLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """Updates that go elsewhere, or that nobody fetches, are named before they are lost."""
    telegram.backlog(101, 10)
    found = await examined(tmp_path, settings)
    assert "101 wait at Telegram" in found.lines["updates"]


async def test_a_damaged_database_is_noticed(settings: dict[str, str], tmp_path: Path) -> None:
    """It is named, with where to read on, and not touched."""
    new_database(tmp_path)
    path = tmp_path / "relay.db"
    damaged = bytearray(path.read_bytes())
    damaged[4096:8192] = b"\xff" * 4096
    path.write_bytes(damaged)
    found = await examined(tmp_path, settings)
    assert found.verdicts["database"] == "wrong"
    assert "backup" in found.lines["database"]
    assert path.read_bytes() == bytes(damaged)


@pytest.mark.parametrize(
    ("mode", "line", "told"),
    [
        (0o644, "KIT_SECURITY_SALT=s3cret", True),
        (0o600, "KIT_SECURITY_SALT=s3cret", False),
        (0o640, "KIT_SECURITY_SALT=s3cret", False),
        (0o644, "KIT_SECURITY_SALT_FILE=/run/secrets/salt", False),
        (0o644, "RELAY_LOG_LEVEL=INFO", False),
    ],
)
async def test_secrets_that_every_user_can_read_are_told(
    settings: dict[str, str], tmp_path: Path, *, mode: int, line: str, told: bool
) -> None:
    """With the command that mends it; a group of its own, and a file without a secret, are nobody's business."""
    path = tmp_path / ".env"
    path.write_text(f"{line}\n")
    path.chmod(mode)
    found = await examined(tmp_path, settings)
    assert ("secrets" in found.verdicts) is told
    if told:
        assert found.code == 1
        assert "chmod 600" in found.lines["secrets"]
        assert "s3cret" not in found.output


async def test_the_chat_of_the_alerts_is_looked_for(
    telegram: TelegramLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """A group that the bot is in is well; one that it is not in is wrong, with what to do; nothing is sent."""
    here, elsewhere = group(telegram.world, -1001), -1002
    here.takes_in(telegram.customer())
    found = await examined(tmp_path, {**settings, "RELAY_ALERT_CHAT": str(here.id)})
    assert (found.code, found.verdicts["alerts"]) == (0, "well")
    found = await examined(tmp_path, {**settings, "RELAY_ALERT_CHAT": str(elsewhere)})
    assert (found.code, found.verdicts["alerts"]) == (1, "wrong")
    assert "Add it to the group" in found.lines["alerts"]
    assert telegram.chat(here.id).texts == []


async def test_a_held_database_is_left_alone(settings: dict[str, str], tmp_path: Path) -> None:
    """While a relay holds it, nobody else opens it."""
    new_database(tmp_path)
    with hold_lock(tmp_path / "relay.db"):
        found = await examined(tmp_path, settings)
    assert "held by a running relay" in found.lines["database"]


@asynccontextmanager
async def telling_the_time(of: float) -> AsyncIterator[str]:
    """A server whose clock differs."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(headers={"Date": formatdate(of, usegmt=True)})

    app, port = web.Application(), free_port()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serve(app, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"


async def test_a_clock_that_is_off_is_noticed(settings: dict[str, str], tmp_path: Path) -> None:
    """By how much, and which way."""
    async with telling_the_time(time() + 3600) as url:
        found = await examined(tmp_path, {**settings, "TELEGRAM_API_URL": url})
    assert found.verdicts["clock"] == "wrong"
    assert "s behind" in found.lines["clock"]


async def test_a_bad_certificate_is_noticed(settings: dict[str, str], tmp_path: Path) -> None:
    """Kit and browsers would not come in."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        found = await examined(tmp_path, {**settings, "RELAY_PUBLIC_URL": f"https://localhost:{port}"})
    assert "its certificate is not valid" in found.lines["certificate"]
    assert found.verdicts["callback"] == "wrong"


async def test_a_test_message_goes_both_ways(
    telegram: TelegramLookAlike, kit: KitLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """Only when asked for: to the chat, and to Kit as if from it."""
    anna = telegram.customer(107804195)
    anna.writes("hello")
    found = await examined(tmp_path, settings, "--send", "107804195")
    assert found.code == 0, found.output
    assert len(telegram.chat(anna.id).texts) == 1
    assert len(kit.messages("107804195")) == 1


async def test_each_channel_has_its_lines(
    telegram: TelegramLookAlike, kit: KitLookAlike, settings: dict[str, str], tmp_path: Path
) -> None:
    """With several channels, each line says whose it is."""
    shared = {name: value for name, value in settings.items() if name.startswith("RELAY_")}
    (tmp_path / "relay.toml").write_text(
        f"""
        kit_api_url = "{kit.url}"
        telegram_api_url = "{telegram.url}"
        kit_domain = "{kit.domain}"
        kit_api_token = "{kit.api_token}"
        kit_channel_uuid = "{kit.channel_uuid}"
        kit_security_salt = "{kit.salt}"
        [[channel]]
        name = "support"
        telegram_bot_token = "{telegram.token}"
        [[channel]]
        name = "sales"
        telegram_bot_token = "1{telegram.token}"
        """
    )
    found = await examined(tmp_path, shared)
    assert found.verdicts["support: bot"] == "well"
    assert found.verdicts["sales: bot"] == "wrong"
