"""What an operator can set, and what each setting must look like.

Field names are the environment's names in lower case; a field's description is its line in the settings' table and the
hint in "is missing". Building a `Settings` reads nothing: only `relay.loading` looks outside, so that a demo or a test
cannot pick up a real token by accident.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from relay.settings.sources import Unreadable
from relay.settings.values import (
    absolute,
    account,
    bot_token,
    database_url,
    host_list,
    host_url,
    id_list,
    name,
    proxy_url,
    public_url,
    secret,
    standard_webhook_secret,
    url,
    web_url,
    webhook_secret,
)
from relay.words.catalogue import languages

KitRegion = Literal["us", "br", "eu", "kz", "ru", "ru2"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["console", "json"]

_Secret = Annotated[SecretStr, AfterValidator(secret)]
_Name = Annotated[str, AfterValidator(name)]
_Lower = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
_Port = Annotated[int, Field(ge=0, le=65535)]
_Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class UnreadableError(ValueError):
    """Carries a line that is complete already: where the value should be, something else stands."""


class Settings(BaseModel):
    """Everything that can be set, checked and frozen. Secrets print as asterisks."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    telegram_bot_token: Annotated[SecretStr, AfterValidator(bot_token)] = Field(
        description="The bot's token. @BotFather gives it: /newbot, or /token for a bot that exists."
    )
    telegram_api_url: Annotated[str, AfterValidator(url)] = Field(
        "https://api.telegram.org", description="Where the Bot API is; a local Bot API server goes here."
    )
    telegram_local_api: bool = Field(
        default=False,
        description="Whether a local Bot API server in local mode stands there: files up to 2000 MB, not 20 and 50.",
    )
    telegram_local_files: Annotated[Path, AfterValidator(absolute)] = Field(
        Path("/var/lib/telegram-bot-api"),
        description="Where the files of that local server are mounted: the same path as its own, read-only is enough.",
    )
    telegram_proxy: Annotated[SecretStr, AfterValidator(proxy_url)] | None = Field(
        None,
        description="The way to Telegram where it is blocked: `http://`, `https://` or `socks5://`, with a port.",
    )
    telegram_mode: Literal["polling", "webhook"] = Field(
        "polling",
        description="How updates come in: `polling`, or `webhook`, which needs a public address that Telegram reaches.",
    )
    telegram_webhook_secret: Annotated[SecretStr, AfterValidator(webhook_secret)] | None = Field(
        None,
        validate_default=True,
        description="Proves that a webhook call is Telegram's. Needed for `webhook`: 32 characters or more.",
    )
    telegram_rate_limit: _Rate = Field(30, description="Messages a second to all chats together; 0 = no limit.")
    telegram_chat_rate_limit: _Rate = Field(1, description="Messages a second to one chat; 0 = no limit.")

    kit_api_url: Annotated[str, AfterValidator(host_url)] | None = Field(
        None, description="Kit's API host, as the channel's page shows it. Wins over `KIT_REGION`."
    )
    kit_region: Annotated[KitRegion, _Lower] | None = Field(
        None, validate_default=True, description="Where the Kit account lives: us, br, eu, kz, ru or ru2."
    )
    kit_domain: Annotated[str, AfterValidator(account)] = Field(
        description="The Kit account's name, the first word of its address."
    )
    kit_api_token: _Secret = Field(
        description="The API token chosen in the channel's form. Kit: Administration > Security > API tokens."
    )
    kit_channel_uuid: _Name = Field(description="The channel's UUID, in the channel's settings once it is saved.")
    kit_security_salt: _Secret = Field(description="The channel's Security Salt, in its settings.")
    kit_api_token_previous: _Secret | None = Field(
        None, description="While the API token is being changed: the one before, with which Kit may still sign."
    )
    kit_security_salt_previous: _Secret | None = Field(
        None, description="While the Security Salt is being changed: the one before, with which Kit may still sign."
    )

    relay_public_url: Annotated[str, AfterValidator(public_url)] = Field(
        description="The https address under which Kit and agents' browsers reach this relay."
    )
    relay_host: _Name = Field("127.0.0.1", description="The address to listen on; the container sets 0.0.0.0.")
    relay_port: _Port = Field(8080, description="The public port; 0 = any free one.")
    relay_admin_host: _Name = Field(
        "127.0.0.1",
        description="The address for the operator's page, health and metrics. Never let strangers reach it.",
    )
    relay_admin_port: _Port = Field(
        8081, description="The port for the operator's page, health and metrics; 0 = any free one."
    )
    relay_database_url: Annotated[str, AfterValidator(database_url)] = Field(
        "sqlite:///data/relay.db",
        description="The database: `sqlite:///` and a path (four slashes for an absolute one), or `postgresql://`.",
    )
    relay_data_dir: Path = Field(Path("data"), description="The directory for files in transit.")
    relay_media_cache_mb: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        256,
        description="Megabytes of converted voice messages, stickers and photos to keep in RELAY_DATA_DIR; 0 = none.",
    )
    relay_log_level: Annotated[LogLevel, BeforeValidator(lambda value: str(value).upper())] = Field(
        "INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL."
    )
    relay_log_format: LogFormat = Field("console", description="`console` for people, `json` for machines.")
    relay_agent_language: Annotated[str, _Lower] = Field(
        "en", description="The language of the relay's notes to agents: de, en, es, pt or ru."
    )
    relay_ask_phone: Annotated[Literal["off", "start", "command"], _Lower] = Field(
        "off",
        description="When customers see a key that shares their phone number: `off`, at `start`, on `command` /phone.",
    )
    relay_greeting: bool = Field(
        default=False,
        description="Whether customers who press Start are greeted, with a line about what becomes of their words.",
    )
    relay_start: Annotated[Literal["pass", "hold"], _Lower] = Field(
        "pass",
        description="The button Start while no conversation is open: `pass` tells agents, `hold` waits for words.",
    )
    relay_show_agent_name: bool = Field(
        default=False, description="Whether customers see the agent's name above what the agent writes."
    )
    relay_link_previews: bool = Field(
        default=True, description="Whether customers see previews of the pages that agents' texts link to."
    )
    relay_closing_texts: bool = Field(
        default=False, description="Whether customers are told that a conversation was closed, and by whom."
    )
    relay_ask_rating: bool = Field(
        default=False, description="Whether customers are asked for one to five stars when a conversation was closed."
    )
    relay_leave_groups: bool = Field(
        default=True,
        description="Whether the bot leaves groups and channels as soon as somebody takes it in: true or false.",
    )
    relay_away_notice_minutes: _Rate = Field(
        0,
        description="Minutes for which Kit cannot be reached before those whose messages wait are told so; 0 = never.",
    )
    relay_customer_rate_limit: Annotated[int, Field(ge=0, le=6000)] = Field(
        30, description="Messages a minute of one customer that go on to Kit; more wait their turn. 0 = no limit."
    )
    relay_business_owners: Annotated[str, AfterValidator(id_list)] = Field(
        "",
        description="Whose Business accounts are served: Telegram's numbers of people, by commas; none = everybody.",
    )
    relay_alert_url: Annotated[str, AfterValidator(web_url)] | None = Field(
        None, description="Where to POST when a person is needed, and when that is over; signed with the secret."
    )
    relay_alert_secret: Annotated[SecretStr, AfterValidator(standard_webhook_secret)] | None = Field(
        None, validate_default=True, description="Signs those POSTs as Standard Webhooks are: `whsec_` and base64."
    )
    relay_alert_chat: int | None = Field(
        None,
        description="A Telegram chat that the first channel's bot tells the same; a group that it does not leave.",
    )
    relay_texts_file: Path | None = Field(
        None, description="A TOML file with lines of your own instead of the relay's; docs/languages.md says how."
    )
    relay_retention_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        7, description="Days for which the text of what was delivered is kept."
    )
    relay_media_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0, description="Days after which links to customers' files end; 0 = never."
    )
    relay_trusted_file_hosts: Annotated[str, AfterValidator(host_list)] = Field(
        "",
        description="Hosts, or host:port, separated by commas, from which agents' files may come even over http or "
        "from a private address.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        if isinstance(value, Unreadable):
            raise UnreadableError(value.line)
        return value

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _proves(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is None and info.data.get("telegram_mode") == "webhook":
            raise ValueError("is missing, and TELEGRAM_MODE is `webhook`. Make one: openssl rand -hex 32")
        return secret

    @field_validator("relay_agent_language")
    @classmethod
    def _spoken(cls, language: str) -> str:
        if language not in languages():
            raise ValueError(f"must be one of: {', '.join(languages())}.")
        return language

    @field_validator("relay_alert_secret")
    @classmethod
    def _signs(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if secret is None and info.data.get("relay_alert_url") is not None:
            raise ValueError("is missing, and RELAY_ALERT_URL is set. Make one: echo whsec_$(openssl rand -base64 32)")
        return secret

    @field_validator("kit_region")
    @classmethod
    def _host_known(cls, region: str | None, info: ValidationInfo) -> str | None:
        if region is None and info.data.get("kit_api_url", "wrong, and said so already") is None:
            raise ValueError("is missing, and so is KIT_API_URL. Set one of them; regions: us, br, eu, kz, ru, ru2.")
        return region

    @field_validator("relay_admin_port")
    @classmethod
    def _another_port(cls, port: int, info: ValidationInfo) -> int:
        if port and port == info.data.get("relay_port"):
            raise ValueError("is the same as RELAY_PORT. Health and metrics need a port of their own.")
        return port

    @property
    def kit_base_url(self) -> str:
        """Kit's API without a trailing slash."""
        return self.kit_api_url or f"https://kit-im-{self.kit_region}.voximplant.com"

    @property
    def download_limit(self) -> int:
        """Bytes of the largest file that Telegram hands to the bot."""
        # https://core.telegram.org/bots/api#getfile, https://core.telegram.org/bots/api#using-a-local-bot-api-server
        return (2000 if self.telegram_local_api else 20) * 2**20

    @property
    def upload_limit(self) -> int:
        """Bytes of the largest file that Telegram takes from the bot."""
        # https://core.telegram.org/bots/api#senddocument, https://core.telegram.org/bots/api#using-a-local-bot-api-server
        return (2000 if self.telegram_local_api else 50) * 2**20

    @property
    def signing_secrets(self) -> tuple[tuple[str, str], ...]:
        """Each salt and token with which Kit may sign a callback, today's first."""
        salts = (self.kit_security_salt, self.kit_security_salt_previous)
        tokens = (self.kit_api_token, self.kit_api_token_previous)
        return tuple(
            (salt.get_secret_value(), token.get_secret_value())
            for salt in salts
            for token in tokens
            if salt is not None and token is not None
        )

    @property
    def bot_id(self) -> str:
        """The bot's id: the public half of its token."""
        return self.telegram_bot_token.get_secret_value().partition(":")[0]

    @property
    def database(self) -> Path | str:
        """SQLite's file, or PostgreSQL's URL."""
        path = self.relay_database_url.removeprefix("sqlite:///")
        return path if path == self.relay_database_url else Path(path)

    @property
    def database_name(self) -> str:
        """How people call it; without the user and the password."""
        if isinstance(self.database, Path):
            return str(self.database)
        parts = urlsplit(self.database)
        return f"postgresql://{parts.hostname or ''}{parts.path}"

    @property
    def telegram_proxy_url(self) -> str:
        """The proxy on the way to Telegram, with its password; "" without one."""
        return "" if self.telegram_proxy is None else self.telegram_proxy.get_secret_value()

    @property
    def telegram_proxy_name(self) -> str:
        """How people call it: its host and port; "" without one."""
        return urlsplit(self.telegram_proxy_url).netloc.rpartition("@")[2]

    @property
    def written_directories(self) -> tuple[Path, ...]:
        """Where the relay writes: its data, and SQLite's file."""
        if isinstance(self.database, Path):
            return self.database.parent, self.relay_data_dir
        return (self.relay_data_dir,)

    @property
    def trusted_file_hosts(self) -> frozenset[str]:
        """Hosts and host:port pairs, in lower case."""
        return frozenset(filter(None, self.relay_trusted_file_hosts.split(",")))

    @property
    def business_owners(self) -> frozenset[int]:
        """Whose Business accounts are served; empty: everybody's."""
        return frozenset(int(each) for each in self.relay_business_owners.split(",") if each)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret values themselves, for the log to look for."""
        values = (getattr(self, field) for field in type(self).model_fields)
        secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
        if isinstance(self.database, str) and (password := urlsplit(self.database).password):
            secrets += [password, unquote(password)]
        if self.telegram_proxy is not None:
            proxy = urlsplit(self.telegram_proxy.get_secret_value())
            known = filter(None, (proxy.username, proxy.password))
            secrets += [spelling for part in known for spelling in (part, unquote(part))]
        return tuple(secrets)
