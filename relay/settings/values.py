"""What the text of a setting must look like, and what to tell the operator when it does not. Pure.

Each function returns the value, tidied, or raises ValueError with words that follow the setting's name. The words
never repeat the value: it may be a secret, or a secret pasted into the wrong place.
"""

import re
from base64 import b64decode
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

# https://core.telegram.org/bots/features#botfather shows its form: the bot's id, a colon, 35 characters.
_BOT_TOKEN: Final = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")
# https://core.telegram.org/bots/api#setwebhook, secret_token
_WEBHOOK_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{1,256}")
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")
_NAME: Final = re.compile(r"[\w.:-]+", re.ASCII)


def bot_token(value: SecretStr) -> SecretStr:
    """A token as @BotFather gives it."""
    secret(value)
    if not _BOT_TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("is not a bot token: digits, a colon and some 35 letters are expected, as @BotFather gave it.")
    return value


def webhook_secret(value: SecretStr) -> SecretStr:
    """The characters that Telegram allows in a webhook's secret."""
    if not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("may have 1 to 256 letters, digits, _ and - only.")
    return value


def standard_webhook_secret(value: SecretStr) -> SecretStr:
    """A secret as Standard Webhooks write it: whsec_ and the base64 of 24 to 64 bytes."""
    prefix, key = value.get_secret_value()[:6], value.get_secret_value()[6:]
    try:
        length = len(b64decode(key, validate=True))
    except ValueError:
        length = 0
    if prefix != "whsec_" or not 24 <= length <= 64:
        raise ValueError("must be whsec_ and 24 to 64 bytes in base64. Make one: echo whsec_$(openssl rand -base64 32)")
    return value


def secret(value: SecretStr) -> SecretStr:
    """A secret that can go into a header or a URL; no other shape is promised by who issues it."""
    _no_space(value.get_secret_value())
    if not _VISIBLE_ASCII.fullmatch(value.get_secret_value()):
        raise ValueError("has a character in it that no secret has. Copy it again.")
    return value


def name(value: str) -> str:
    """A name or an id: letters, digits, dots, dashes, underscores, colons."""
    _no_space(value)
    if "/" in value:
        raise ValueError("has a slash in it. Only the name is wanted, not an address.")
    if not _NAME.fullmatch(value):
        raise ValueError("may have letters, digits and . - _ : only.")
    return value


def account(value: str) -> str:
    """The name of a Kit account: the first word of its address."""
    if "." in name(value):
        raise ValueError("has a dot in it. Only the first word of the address is wanted.")
    return value


def url(value: str) -> str:
    """An http or https URL without query, fragment and credentials; a trailing slash goes."""
    _parts(value)
    return value.rstrip("/")


def web_url(value: str) -> str:
    """The same, over https; http only on this machine, where nobody listens in between."""
    parts = _parts(value)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is for this machine only).")
    return value.rstrip("/")


def public_url(value: str) -> str:
    """The same, for the address that other paths are appended to."""
    address = web_url(value)
    if address.endswith("/kit/callback"):
        raise ValueError("ends in /kit/callback. Leave that out: the relay appends it, and /media/ for files.")
    return address


def host_url(value: str) -> str:
    """The same again, without a path; a host alone is good too: Kit shows it without a scheme."""
    address = web_url(value if "://" in value else f"https://{value}")
    if urlsplit(address).path:
        raise ValueError("has a path after the host. Leave only the host.")
    return address


def proxy_url(value: SecretStr) -> SecretStr:
    """A proxy's URL with its port; user name and password may stand in it, nothing may follow it."""
    text = value.get_secret_value()
    _no_space(text)
    parts = _split(text)
    if parts.scheme not in {"http", "https", "socks5"} or not parts.hostname:
        raise ValueError("must begin with http://, https:// or socks5:// and go on with a host.")
    if not parts.port:
        raise ValueError("names no port. Write it after the host, as in socks5://proxy.example.com:1080.")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError("must end after the port. A / ? # or @ in the password is written %2F %3F %23 %40.")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("has a user name without a password. Write user:password@ before the host.")
    return value


def database_url(value: str) -> str:
    """SQLAlchemy's notation for an SQLite file, or a PostgreSQL's own URL."""
    if value.startswith(("postgres://", "postgresql+")):
        raise ValueError("must begin with postgresql://, or with sqlite:///.")
    if value.startswith("postgresql://"):
        return value
    path = value.removeprefix("sqlite:///")
    if path == value:
        raise ValueError("must begin with sqlite:/// and go on with a path, or with postgresql://.")
    if not path or path.endswith("/") or path.startswith(":") or re.search(r"[?#\x00]", path):
        raise ValueError("names no file. Write a plain path after sqlite:///, as in sqlite:///data/relay.db.")
    return value


def host_list(value: str) -> str:
    """Hosts, or host:port, separated by commas; in lower case and without spaces around them."""
    hosts = [host.strip().lower() for host in value.split(",") if host.strip()]
    for host in hosts:
        parts = _split(f"//{host}")
        if parts.netloc != host or parts.hostname is None or "@" in host or re.search(r"[\s*]", host):
            raise ValueError("must be hosts, or host:port, separated by commas: no scheme, no path, no *.")
    return ",".join(hosts)


def id_list(value: str) -> str:
    """Telegram's ids of people, separated by commas; without spaces around them."""
    ids = [each.strip() for each in value.split(",") if each.strip()]
    if not all(re.fullmatch(r"[1-9][0-9]{0,18}", each) for each in ids):
        raise ValueError("must be Telegram's numbers of people, separated by commas.")
    return ",".join(ids)


def _no_space(value: str) -> None:
    if re.search(r"\s", value):
        raise ValueError("has a space in it. Copy it again.")
    if not value.isprintable():
        raise ValueError("has an invisible character in it. Copy it again.")


def _parts(value: str) -> SplitResult:
    _no_space(value)
    parts = _split(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// and go on with a host.")
    if parts.username is not None:
        raise ValueError("has a user name or password in it. Leave it out.")
    if "?" in value or "#" in value:
        raise ValueError("must end after the path: no ? and no #.")
    return parts


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # read late by urllib: a bad one shows only here
    except ValueError:
        raise ValueError("is not an address that can be used: look at its host and port.") from None
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def absolute(path: Path) -> Path:
    """A path that means the same wherever the relay is started."""
    if not path.is_absolute():
        raise ValueError("must begin with a slash: an absolute path.")
    return path
