"""Several bots in one relay: what `relay.toml` can say, and what is said about mistakes in it."""

from pathlib import Path

import pytest

from relay.settings.channels import Channel, load_channels
from relay.settings.loading import SettingsError
from tests.settings.test_settings import NEEDED, TOKEN

SHARED = """
relay_public_url = "https://relay.example.com"
kit_domain = "acme"
kit_region = "eu"
"""
SUPPORT = f"""
[[channel]]
name = "support"
telegram_bot_token = "{TOKEN}"
kit_api_token = "token-1"
kit_channel_uuid = "uuid-1"
kit_security_salt = "salt-1"
"""
SALES = """
[[channel]]
name = "sales"
telegram_bot_token_file = "sales-token"
kit_api_token_env = "SALES_KIT_API_TOKEN"
kit_channel_uuid = "uuid-2"
kit_security_salt = "salt-2"
kit_region = "us"
"""
SALES_TOKEN = "987654321:AAE-abcdefghijklmnopqrstuvwxyz_0123"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a bot token in a file, and an API token in the environment."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales-token").write_text(f"{SALES_TOKEN}\n")
    monkeypatch.setenv("SALES_KIT_API_TOKEN", "token-2")
    return tmp_path


def load(here: Path, text: str) -> tuple[Channel, ...]:
    (here / "relay.toml").write_text(text)
    return load_channels(None)


def lines(here: Path, text: str) -> list[str]:
    """What a refused start says."""
    with pytest.raises(SettingsError) as refused:
        load(here, text)
    return refused.value.lines


def test_two_channels_share_what_stands_above_them(here: Path) -> None:
    """Each channel has its own bot, secrets and callback path; what is said above holds unless a channel says more."""
    support, sales = load(here, SHARED + SUPPORT + SALES)
    assert (support.callback_path, sales.callback_path) == ("/kit/callback/support", "/kit/callback/sales")
    assert (support.settings.bot_id, sales.settings.bot_id) == ("123456789", "987654321")
    assert (support.settings.kit_region, sales.settings.kit_region) == ("eu", "us")
    assert sales.settings.kit_api_token.get_secret_value() == "token-2"
    assert {each.settings.relay_public_url for each in (support, sales)} == {"https://relay.example.com"}


def test_the_environment_wins_over_what_is_for_all_and_not_over_a_channel(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator overrides the file's shared part as usual; a channel's own value is never mixed up with another's."""
    monkeypatch.setenv("KIT_DOMAIN", "other")
    monkeypatch.setenv("KIT_SECURITY_SALT", "salt-of-the-environment")
    [support] = load(here, SHARED + SUPPORT)
    assert support.settings.kit_domain == "other"
    assert support.settings.kit_security_salt.get_secret_value() == "salt-1"


def test_without_the_file_the_environment_describes_the_one_channel(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simple way stays simple: no name, and the callback where it always was."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    [channel] = load_channels(None, here / "relay.toml")
    assert (channel.name, channel.callback_path) == ("", "/kit/callback")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHARED, "has no channel"),
        ("channel = 5", "has no channel"),
        (SHARED + SUPPORT + SUPPORT, "channel 2 needs a name of its own"),
        (SHARED + SUPPORT.replace("support", "Support Desk"), "channel 1 needs a name of its own"),
        (SHARED + SUPPORT + SUPPORT.replace("support", "sales"), "support and sales have the same bot"),
        (SHARED + SUPPORT + "kit_regoin = 'eu'", "channel support: no setting is called kit_regoin"),
        (SHARED + SUPPORT + "relay_port = 80", "relay_port is the whole relay's"),
        (SHARED + "relay_prot = 80" + SUPPORT, "no setting is called relay_prot"),
        (SHARED + SUPPORT.replace("kit_security_salt", "kit_security_salt_file"), "names a file that cannot be read"),
        (SHARED + SUPPORT.replace("kit_security_salt", "kit_security_salt_env"), "names a variable that is not set"),
        (SHARED + SUPPORT.replace('"salt-1"', "5").replace("salt ", "salt_env "), "must be text in quotes"),
        (SHARED + SUPPORT.replace('"salt-1"', '"salt 1"'), "channel support: KIT_SECURITY_SALT: "),
        ("kit_api_token = a secret", "look at line 1"),
    ],
)
def test_each_mistake_is_a_line_without_the_value(here: Path, text: str, said: str) -> None:
    """The file, the channel and the key are named; what stands there is not shown."""
    [line] = lines(here, text)
    assert line.startswith("relay.toml")
    assert said in line
    assert "salt-1" not in line
    assert "a secret" not in line


def test_what_is_wrong_for_all_is_said_once(here: Path) -> None:
    """A missing public URL is one line, not one for each channel."""
    said = lines(here, SHARED.replace("relay_public_url", "#") + SUPPORT + SALES)
    assert len(said) == 1
    assert said[0].startswith("RELAY_PUBLIC_URL: is missing")
