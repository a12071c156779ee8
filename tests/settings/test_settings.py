"""What an operator can rely on when setting the relay up."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from relay.settings.loading import SettingsError, load_settings, summary
from relay.settings.schema import Settings
from relay.settings.sources import broken_lines, read_values, unknown_names

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_0123"
NEEDED = {
    "TELEGRAM_BOT_TOKEN": TOKEN,
    "KIT_REGION": "eu",
    "KIT_DOMAIN": "acme",
    "KIT_API_TOKEN": "kit-api-token+/=",
    "KIT_CHANNEL_UUID": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    "KIT_SECURITY_SALT": "S3cr3t-salt",
    "RELAY_PUBLIC_URL": "https://relay.example.com/",
}
DEFAULTS = {
    "telegram_api_url": "https://api.telegram.org",
    "telegram_local_api": False,
    "telegram_local_files": Path("/var/lib/telegram-bot-api"),
    "telegram_proxy": None,
    "telegram_mode": "polling",
    "telegram_webhook_secret": None,
    "telegram_rate_limit": 30,
    "telegram_chat_rate_limit": 1,
    "kit_api_url": None,
    "relay_host": "127.0.0.1",
    "relay_port": 8080,
    "relay_admin_host": "127.0.0.1",
    "relay_admin_port": 8081,
    "relay_database_url": "sqlite:///data/relay.db",
    "relay_data_dir": Path("data"),
    "relay_media_cache_mb": 256,
    "relay_log_level": "INFO",
    "relay_log_format": "console",
    "relay_agent_language": "en",
    "relay_ask_phone": "off",
    "relay_greeting": False,
    "relay_start": "pass",
    "relay_away_notice_minutes": 0,
    "relay_customer_rate_limit": 30,
    "relay_business_owners": "",
    "relay_show_agent_name": False,
    "relay_link_previews": True,
    "relay_closing_texts": False,
    "relay_ask_rating": False,
    "relay_leave_groups": True,
    "relay_texts_file": None,
    "relay_retention_days": 7,
    "relay_media_days": 0,
    "relay_trusted_file_hosts": "",
}


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment with nothing but what is needed."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def lines(env_file: Path | None = None) -> list[str]:
    """What a refused start says."""
    with pytest.raises(SettingsError) as refused:
        load_settings(env_file)
    return refused.value.lines


def test_what_is_needed_is_enough(env: pytest.MonkeyPatch) -> None:
    """Seven values start the relay; everything else has the promised default."""
    env.setenv("RELAY_AGENT_LANGUAGE", "")  # as an unfilled line of .env.example gives it
    settings = load_settings(None)
    assert {name: getattr(settings, name) for name in DEFAULTS} == DEFAULTS
    assert settings.telegram_bot_token.get_secret_value() == TOKEN
    assert settings.bot_id == "123456789"
    assert settings.kit_base_url == "https://kit-im-eu.voximplant.com"
    assert settings.relay_public_url == "https://relay.example.com"
    assert settings.database == Path("data/relay.db")
    assert settings.trusted_file_hosts == frozenset()
    assert set(settings.secrets) == {TOKEN, "kit-api-token+/=", "S3cr3t-salt"}


def test_every_missing_value_is_named_at_once() -> None:
    """A start without settings says in one go what is needed, and where it is found."""
    said = lines()
    assert [line.split(":")[0] for line in said] == [*NEEDED]
    assert all("is missing" in line for line in said)
    assert "@BotFather" in said[0]


def test_a_start_without_anything_says_how_to_begin(tmp_path: Path) -> None:
    """Where there is neither an environment nor a .env, the last line is the command that makes one."""
    assert lines(tmp_path / ".env")[-1].endswith("Begin with: relay setup")
    assert str(tmp_path / ".env") in lines(tmp_path / ".env")[-1]
    (tmp_path / ".env").touch()
    assert not any(".env.example" in line for line in lines(tmp_path / ".env"))


def test_a_misspelt_name_is_found(tmp_path: Path) -> None:
    """What begins like one of our names and is none is reported by its name; what is somebody else's is not."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("KIT_REGOIN=eu\nrelay_port=1\nRELAY_PORT=1\nKIT_API_TOKEN_FILE=x\nTELEGRAM_TOKEN=x\nTZ=UTC\n")
    assert unknown_names(Settings, dotenv) == ["KIT_REGOIN", "relay_port", "TELEGRAM_TOKEN"]
    dotenv.write_bytes(b"KIT_REGOIN=\xff\n")
    assert unknown_names(Settings, dotenv) == []
    assert unknown_names(Settings, tmp_path / "none") == []


def test_a_broken_line_is_found_by_its_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A quote that is never closed, words, a value without a name; the library that reads the file says nothing."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("# x\n\nKIT_API_TOKEN=\"abc\nRELAY_PORT=1\r\n \n\nwords and words\n=5\nTZ='a\nb'\nexport A\n")
    assert broken_lines(dotenv) == [3, 7, 8]
    assert read_values(Settings, dotenv, {}) == {"relay_port": "1"}
    assert not caplog.records
    dotenv.write_bytes(b"KIT_REGOIN=\xff\n")
    assert broken_lines(dotenv) == broken_lines(tmp_path / "none") == []


WRONG: list[tuple[str, str, str]] = [
    ("TELEGRAM_BOT_TOKEN", f"{TOKEN[:20]} {TOKEN[20:]}", "has a space in it"),
    ("TELEGRAM_BOT_TOKEN", TOKEN + "\n", "has a space in it"),
    ("TELEGRAM_BOT_TOKEN", "AAE-abcdefghijklmnopqrstuvwxyz_0123", "is not a bot token"),
    ("TELEGRAM_BOT_TOKEN", TOKEN[:-8], "is not a bot token"),
    ("TELEGRAM_API_URL", "api.telegram.org", "must begin with https://"),
    ("TELEGRAM_API_URL", "https://host:99999", "host and port"),
    ("RELAY_ASK_PHONE", "always", "'off', 'start' or 'command'"),
    ("TELEGRAM_LOCAL_API", "perhaps", "must be true or false"),
    ("TELEGRAM_LOCAL_FILES", "data/telegram", "must begin with a slash"),
    ("RELAY_MEDIA_CACHE_MB", "minus5", "must be a whole number"),
    ("RELAY_MEDIA_CACHE_MB", "-5125", "must be 0 or more"),
    ("TELEGRAM_PROXY", "proxy.example.com:1080", "must begin with http://"),
    ("TELEGRAM_PROXY", "socks4://proxy.example.com:1080", "must begin with http://"),
    ("TELEGRAM_PROXY", "socks5://another.example.com", "names no port"),
    ("TELEGRAM_PROXY", "socks5://user:pa/ss@proxy.example.com:1080", "is not an address"),
    ("TELEGRAM_PROXY", "socks5://proxy.example.com:1080/path", "must end after the port"),
    ("TELEGRAM_PROXY", "socks5://user@proxy.example.com:1080", "a user name without a password"),
    ("TELEGRAM_MODE", "pigeon", "'polling'"),
    ("TELEGRAM_WEBHOOK_SECRET", "with.dot.secret", "letters, digits"),
    ("TELEGRAM_RATE_LIMIT", "minus5", "must be a number"),
    ("TELEGRAM_RATE_LIMIT", "-5.125", "or more"),
    ("TELEGRAM_CHAT_RATE_LIMIT", "inf", "must be a number"),
    ("RELAY_BUSINESS_OWNERS", "@olga", "must be Telegram's numbers of people"),
    ("RELAY_CUSTOMER_RATE_LIMIT", "-1", "must be 0 or more"),
    ("RELAY_START", "never", "must be one of"),
    ("KIT_REGION", "mars", "'us', 'br', 'eu', 'kz', 'ru' or 'ru2'"),
    ("KIT_API_URL", "http://kit.example.com", "must begin with https://"),
    ("KIT_API_URL", "https://user:word@kit.example.com", "has a user name or password"),
    ("KIT_API_URL", f"https://kit.example.com/{NEEDED['KIT_CHANNEL_UUID']}", "only the host"),
    ("KIT_API_URL", "kit.example.com/api/v3", "only the host"),
    ("KIT_DOMAIN", "acme corp", "has a space in it"),
    ("KIT_DOMAIN", "https://acme.example", "slash"),
    ("KIT_DOMAIN", "acme.kit.voximplant.com", "Only the first word"),
    ("KIT_API_TOKEN", "kit token", "has a space in it"),
    ("KIT_API_TOKEN", "kit\u200btoken", "invisible character"),
    ("KIT_API_TOKEN", "kit\u043a\u043b\u044e\u0447", "no secret has"),
    ("KIT_CHANNEL_UUID", "https://kit/1b9d", "slash"),
    ("KIT_CHANNEL_UUID", "1b9d 6bcd", "has a space in it"),
    ("KIT_CHANNEL_UUID", "{1b9d}", "letters, digits"),
    ("RELAY_PUBLIC_URL", "http://relay.example.com", "must begin with https://"),
    ("RELAY_PUBLIC_URL", "relay.example.com", "must begin with https://"),
    ("RELAY_PUBLIC_URL", "ftp://relay.example.com", "must begin with https://"),
    ("RELAY_PUBLIC_URL", "https://", "host"),
    ("RELAY_PUBLIC_URL", "https://relay.example.com/?a=b", "no ? and no #"),
    ("RELAY_PUBLIC_URL", "https://relay.example.com/#a", "no ? and no #"),
    ("RELAY_PUBLIC_URL", "https://relay.example.com/\x00", "invisible character"),
    ("RELAY_PUBLIC_URL", "https://relay.example.com/kit/callback/", "ends in /kit/callback"),
    ("RELAY_PORT", "http", "must be a whole number"),
    ("RELAY_PORT", "65536", "must be 65535 or less"),
    ("RELAY_PORT", "-12345", "must be 0 or more"),
    ("RELAY_ADMIN_PORT", "8080", "the same as RELAY_PORT"),
    ("RELAY_DATABASE_URL", "postgres://relay:word@db/relay", "must begin with postgresql://"),
    ("RELAY_DATABASE_URL", "mysql://db/relay", "must begin with sqlite:///"),
    ("RELAY_DATABASE_URL", "sqlite://", "must begin with sqlite:///"),
    ("RELAY_DATABASE_URL", "sqlite:///", "names no file"),
    ("RELAY_DATABASE_URL", "sqlite:///:memory:", "names no file"),
    ("RELAY_DATABASE_URL", "sqlite:///relay.db?mode=ro", "names no file"),
    ("RELAY_LOG_LEVEL", "loud", "'DEBUG', 'INFO'"),
    ("RELAY_LOG_FORMAT", "xml", "'console' or 'json'"),
    ("RELAY_AGENT_LANGUAGE", "english", "must be one of: de, en, es, pt, ru."),
    ("RELAY_TEXTS_FILE", "no-such-texts.toml", "cannot be read"),
    ("RELAY_RETENTION_DAYS", "0.5", "must be a whole number"),
    ("RELAY_RETENTION_DAYS", "99999", "must be 3650 or less"),
    ("RELAY_MEDIA_DAYS", "-1", "must be 0 or more"),
    ("RELAY_TRUSTED_FILE_HOSTS", "https://files.example.com", "no scheme"),
    ("RELAY_TRUSTED_FILE_HOSTS", "files.example.com/path", "no scheme"),
    ("RELAY_TRUSTED_FILE_HOSTS", "*.example.com", "no scheme"),
    ("RELAY_TRUSTED_FILE_HOSTS", "files.example.com:port", "host and port"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=[f"{name}-{words}" for name, _, words in WRONG])
def test_a_wrong_value_is_named_and_never_shown(
    env: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, words: str
) -> None:
    """One line says which variable is wrong and what to do; the value stands neither in it nor in any traceback."""
    file = tmp_path / "value"  # a NUL cannot stand in the environment, but in a file
    file.write_text(f"{value}\n", encoding="utf-8", newline="")
    env.delenv(name, raising=False)
    env.setenv(f"{name}_FILE", str(file))
    if value.endswith("\n"):
        env.delenv(f"{name}_FILE")
        env.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings(None)
    assert len(refused.value.lines) == 1
    said = refused.value.lines[0]
    assert said.startswith(name)
    assert words in said
    if value not in {"8080", "sqlite://", "sqlite:///", "https://"}:  # values that the words have anyway
        assert value.strip() not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


GOOD: list[tuple[str, str, str, Any]] = [
    ("KIT_API_URL", "kit-im-ru2.voximplant.com", "kit_base_url", "https://kit-im-ru2.voximplant.com"),
    ("KIT_API_URL", "https://kit.example.com/", "kit_base_url", "https://kit.example.com"),
    ("KIT_REGION", "EU", "kit_region", "eu"),
    ("RELAY_AGENT_LANGUAGE", "PT", "relay_agent_language", "pt"),
    ("KIT_API_URL", "http://127.0.0.1:9000", "kit_base_url", "http://127.0.0.1:9000"),
    ("TELEGRAM_API_URL", "http://bot-api:8081/", "telegram_api_url", "http://bot-api:8081"),
    ("RELAY_PUBLIC_URL", "http://localhost:8080", "relay_public_url", "http://localhost:8080"),
    ("RELAY_PUBLIC_URL", "http://[::1]:8080", "relay_public_url", "http://[::1]:8080"),
    ("RELAY_PUBLIC_URL", "https://example.com/relay/", "relay_public_url", "https://example.com/relay"),
    ("KIT_CHANNEL_UUID", "channel-1", "kit_channel_uuid", "channel-1"),
    ("RELAY_PORT", "0", "relay_port", 0),
    ("RELAY_LOG_LEVEL", "debug", "relay_log_level", "DEBUG"),
    ("TELEGRAM_LOCAL_API", "Yes", "download_limit", 2000 * 2**20),
    ("TELEGRAM_LOCAL_API", "0", "download_limit", 20 * 2**20),
    ("TELEGRAM_LOCAL_API", "1", "upload_limit", 2000 * 2**20),
    ("TELEGRAM_LOCAL_API", "0", "upload_limit", 50 * 2**20),
    ("TELEGRAM_RATE_LIMIT", "0", "telegram_rate_limit", 0),
    ("RELAY_DATABASE_URL", "sqlite:////var/lib/relay/relay.db", "database", Path("/var/lib/relay/relay.db")),
    (
        "RELAY_TRUSTED_FILE_HOSTS",
        " Files.example.com, 10.0.0.7:9000,[::1]:80,",
        "trusted_file_hosts",
        frozenset({"files.example.com", "10.0.0.7:9000", "[::1]:80"}),
    ),
    ("RELAY_BUSINESS_OWNERS", " 107804195, 7,", "business_owners", frozenset({107804195, 7})),
    ("RELAY_BUSINESS_OWNERS", "", "business_owners", frozenset()),
    ("RELAY_START", "Hold", "relay_start", "hold"),
]


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), GOOD, ids=[f"{g[0]}={g[1]}" for g in GOOD])
def test_a_good_value_is_tidied(env: pytest.MonkeyPatch, name: str, value: str, attribute: str, expected: Any) -> None:
    """Spelling that means the same gives the same setting."""
    env.setenv(name, value)
    assert getattr(load_settings(None), attribute) == expected


def test_a_wrong_kit_url_is_one_line(env: pytest.MonkeyPatch) -> None:
    """A KIT_API_URL that is there but wrong is not called missing as well."""
    env.delenv("KIT_REGION")
    env.setenv("KIT_API_URL", "http://kit.example.com")
    assert [line.split(":")[0] for line in lines()] == ["KIT_API_URL"]


def test_both_ports_may_be_any_free_one(env: pytest.MonkeyPatch) -> None:
    """Port 0 twice is no clash."""
    env.setenv("RELAY_PORT", "0")
    env.setenv("RELAY_ADMIN_PORT", "0")
    assert load_settings(None).relay_admin_port == 0


ALERTS = {
    "RELAY_ALERT_URL": "https://example.com/alerts",
    "RELAY_ALERT_SECRET": f"whsec_{'A' * 43}=",
    "RELAY_ALERT_CHAT": "-1001234567890",
}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RELAY_ALERT_URL", "https://example.com/alerts", "RELAY_ALERT_SECRET: is missing, and RELAY_ALERT_URL is set"),
        ("RELAY_ALERT_URL", "http://example.com/alerts", "must begin with https://"),
        ("RELAY_ALERT_SECRET", "A" * 44, "must be whsec_ and 24 to 64 bytes in base64"),
        ("RELAY_ALERT_SECRET", "whsec_short", "must be whsec_ and 24 to 64 bytes in base64"),
        ("RELAY_ALERT_CHAT", "@acme", "RELAY_ALERT_CHAT"),
    ],
)
def test_a_wrong_setting_of_the_alerts_is_one_line(env: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    """It says what is expected, and how to make a secret; never the value."""
    env.setenv(name, value)
    [line] = lines()
    assert words in line
    assert value not in line or value.startswith("https")


@pytest.mark.parametrize("name", [field.upper() for field in Settings.model_fields])
def test_any_setting_may_come_from_a_file(env: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """NAME_FILE gives what NAME would, for every setting; the file's last line break is not part of the value."""
    value = (
        {
            "TELEGRAM_WEBHOOK_SECRET": "hook",
            "TELEGRAM_PROXY": "http://proxy.example.com:3128",
            "KIT_API_URL": "https://kit.example.com",
            "RELAY_BUSINESS_OWNERS": "107804195",
        }
        | ALERTS
        | NEEDED
    )
    value |= {
        field.upper(): str(default) for field, default in DEFAULTS.items() if default is not None and default != ""
    }
    (tmp_path / "texts.toml").touch()
    value["RELAY_TEXTS_FILE"] = str(tmp_path / "texts.toml")
    if name == "RELAY_ALERT_URL":
        env.setenv("RELAY_ALERT_SECRET", ALERTS["RELAY_ALERT_SECRET"])
    text = value.get(name, "files.example.com")
    env.setenv(name, text)
    expected = load_settings(None)
    env.delenv(name)
    (tmp_path / "value").write_bytes(f"{text}\r\n".encode())
    env.setenv(f"{name}_FILE", str(tmp_path / "value"))
    assert load_settings(None) == expected


def test_the_nearest_place_wins(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME before NAME_FILE in the environment, before NAME and NAME_FILE in .env, before the default."""
    (tmp_path / "near").write_text("2002")
    (tmp_path / "far").write_text("4004")
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"RELAY_PORT_FILE={tmp_path / 'far'}\n")
    assert load_settings(dotenv).relay_port == 4004
    dotenv.write_text("RELAY_PORT=3003\n")
    assert load_settings(dotenv).relay_port == 3003
    env.setenv("RELAY_PORT_FILE", str(tmp_path / "near"))
    assert load_settings(dotenv).relay_port == 2002
    env.delenv("RELAY_PORT_FILE")
    env.setenv("RELAY_PORT", "1001")
    dotenv.write_text(f"RELAY_PORT_FILE={tmp_path / 'far'}\n")
    assert load_settings(dotenv).relay_port == 1001
    env.setenv("RELAY_PORT", "")
    assert load_settings(dotenv).relay_port == 4004
    assert load_settings(tmp_path / "none").relay_port == 8080


def test_a_value_given_twice_in_one_place_is_refused(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """NAME and NAME_FILE side by side: nobody can know which one is meant."""
    env.setenv("KIT_API_TOKEN_FILE", str(tmp_path / "token"))
    assert lines() == [
        "KIT_API_TOKEN: is set twice in the environment, also as KIT_API_TOKEN_FILE. Keep one of the two."
    ]
    env.delenv("KIT_API_TOKEN_FILE")
    dotenv = tmp_path / "dotenv"
    dotenv.write_text("RELAY_PORT=1\nRELAY_PORT_FILE=port\n")
    said = lines(dotenv)
    assert len(said) == 1
    assert said[0].startswith("RELAY_PORT: is set twice in ")


@pytest.mark.parametrize("path", ["missing", "binary", "empty", TOKEN, "nul\x00"])
def test_a_file_that_gives_no_value_is_named(env: pytest.MonkeyPatch, tmp_path: Path, path: str) -> None:
    """A NAME_FILE without a readable value is one line, which does not show the path: it may be the secret itself."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").write_text("\n")
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"TELEGRAM_BOT_TOKEN_FILE='{tmp_path / path}'\n")
    env.delenv("TELEGRAM_BOT_TOKEN")
    said = lines(dotenv)
    assert len(said) == 1
    assert said[0].startswith("TELEGRAM_BOT_TOKEN_FILE: names a")
    assert path not in said[0].replace("empty file", "")


def test_a_dotenv_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    """A damaged .env ends the start with words, not with a traceback."""
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"KIT_DOMAIN=\xff\n")
    assert lines(dotenv) == [f"{dotenv}: is there and cannot be read as text in UTF-8."]


def test_building_settings_reads_nothing(env: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A demo or a test that builds Settings by hand cannot pick up the environment or a .env."""
    env.chdir(tmp_path)
    (tmp_path / ".env").write_text("RELAY_PORT=1\n")
    env.setenv("RELAY_ADMIN_PORT", "2")
    settings = Settings.model_validate({name.lower(): value for name, value in NEEDED.items()})
    assert (settings.relay_port, settings.relay_admin_port) == (8080, 8081)
    with pytest.raises(ValidationError):
        Settings.model_validate({})


def test_dotenv_is_read_where_the_relay_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without an argument, the current directory's .env is read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in NEEDED.items()))
    assert load_settings().kit_domain == "acme"


def test_nothing_shows_a_secret(env: pytest.MonkeyPatch) -> None:
    """Neither the summary for the log nor a printed Settings has a secret in it."""
    env.setenv("TELEGRAM_WEBHOOK_SECRET", "hook-secret")
    settings = load_settings(None)
    shown = f"{summary(settings)} {settings} {settings!r}"
    assert not [value for value in (TOKEN, "kit-api-token+/=", "S3cr3t-salt", "hook-secret") if value in shown]
    assert summary(settings)["kit_api_token"] == "set"
    assert summary(settings)["kit_api_url"] == "not set"
    assert summary(settings)["relay_data_dir"] == "data"
    assert summary(settings)["relay_port"] == 8080


def test_every_setting_explains_itself() -> None:
    """Each field has a sentence for the README and for the line that misses it."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@given(st.sampled_from([field.upper() for field in Settings.model_fields]), st.text(min_size=1))
def test_no_text_whatever_breaks_the_start(name: str, value: str) -> None:
    """Any text in any setting is either taken or refused with a line that names it; nothing else is raised."""
    values = {key.lower(): text for key, text in NEEDED.items()} | {name.lower(): value}
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        fields = {str(wrong["loc"][0]).upper() for wrong in error.errors()}
        assert fields <= {name, "RELAY_ADMIN_PORT"}


def test_a_webhook_needs_its_secret(env: pytest.MonkeyPatch) -> None:
    """Without the secret anybody could bring updates: the line says how to make one."""
    env.setenv("TELEGRAM_MODE", "webhook")
    with pytest.raises(SettingsError) as refused:
        load_settings(None)
    [line] = refused.value.lines
    assert line.startswith("TELEGRAM_WEBHOOK_SECRET")
    assert "openssl rand -hex 32" in line
    env.setenv("TELEGRAM_WEBHOOK_SECRET", "a" * 64)
    assert load_settings(None).telegram_mode == "webhook"


def test_the_password_of_a_proxy_is_a_secret_in_each_spelling(env: pytest.MonkeyPatch) -> None:
    """The log looks for the URL, and for user and password in both spellings; its summary says "set"."""
    url = "https://operator:sesame%40word%2Fsesame@proxy.example.com:3129"
    env.setenv("TELEGRAM_PROXY", url)
    settings = load_settings(None)
    assert {url, "operator", "sesame@word/sesame", "sesame%40word%2Fsesame"} <= {*settings.secrets}
    assert settings.telegram_proxy_name == "proxy.example.com:3129"
    assert summary(settings)["telegram_proxy"] == "set"
    assert "sesame" not in repr(settings)
