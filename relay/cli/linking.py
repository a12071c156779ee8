"""`relay link`: a deep link that says where a customer came from, and its QR code."""

import asyncio
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import segno
from segno import QRCode

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import print_json
from relay.cli.starting import fail, load
from relay.errors import RelayError
from relay.mapping.content.campaigns import FIELDS, Touch, code, is_code, make_touch, pack
from relay.settings.channels import Channel
from relay.telegram.api import call, open_bot
from relay.telegram.request import open_session

_PICTURE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command
@click.option("--source", help="Where it stands: instagram, newsletter, shop-window.", metavar="TEXT")
@click.option("--medium", help="Of what kind that is: story, email, poster.", metavar="TEXT")
@click.option("--campaign", help="What it is for: spring-sale.", metavar="TEXT")
@click.option("--content", help="Which of several versions: blue-button.", metavar="TEXT")
@click.option("--term", help="What was searched for.", metavar="TEXT")
@click.option("--page-url", help="The page that it stands on, with https://.", metavar="URL")
@click.option("--page-title", help="That page's title.", metavar="TEXT")
@click.option("--channel", help="Whose bot, if the relay has several: the channel's name.", metavar="NAME")
@click.option("--png", type=_PICTURE, help="Save the QR code as a picture.")
@click.option("--svg", type=_PICTURE, help="Save it as a drawing, for print.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
@settings_options
def link(
    *,
    channel: str | None,
    png: Path | None,
    svg: Path | None,
    as_json: bool,
    env_file: Path | None,
    config: Path | None,
    **values: str | None,
) -> None:
    """Make a link to the bot. Whoever starts it by the link comes to Kit with these values as utm and page.

    A short campaign travels inside of the link, a long one is kept in the database under a code. The same values give
    the same link. On a terminal its QR code stands below it; in a pipe there is the link alone.
    """
    touch = _touch(values)
    channels = load(env_file, config)
    chosen = _choose(channels, channel)
    payload = pack(touch) or code(touch)
    url = f"https://t.me/{asyncio.run(_bot_name(chosen))}?start={payload}"
    if is_code(payload):
        ask_relay(channels, "keep_link", channel=chosen.key, code=payload, touch=touch)
    qr = _qr_code(url)
    for path in filter(None, (png, svg)):
        _save(qr, path, "png" if path == png else "svg")
    if as_json:
        print_json({"link": url, "payload": payload, "stored": is_code(payload), **touch})
        return
    click.echo(url)
    if sys.stdout.isatty():
        qr.terminal(compact=True)


def _touch(values: Mapping[str, str | None]) -> Touch:
    """What the options say. Exit 2 with a line for what no link can carry."""
    names = {(part, name): name if part == "utm" else f"{part}_{name}" for part, name in FIELDS}
    try:
        touch = make_touch({field: values[name] or "" for field, name in names.items()})
    except ValueError as error:
        raise click.UsageError(f"{error}.") from None
    if not touch:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in names.values())
        raise click.UsageError(f"Say where the customer comes from, by at least one of {options}.")
    return touch


def _choose(channels: tuple[Channel, ...], name: str | None) -> Channel:
    """The channel of this name; without a name the only one."""
    found = [each for each in channels if name is None or name in (each.name, each.key)]
    if len(found) != 1:
        fail(f"--channel: say which one: {', '.join(each.label for each in channels)}", code=2)
    return found[0]


async def _bot_name(channel: Channel) -> str:
    """The bot's user name, as Telegram says it."""
    settings = channel.settings
    try:
        async with open_session(settings.telegram_proxy_url) as session:
            bot = open_bot(settings.telegram_bot_token.get_secret_value(), settings.telegram_api_url, session)
            me: Any = await call(bot, "getMe", {}, read_timeout=10.0)
    except RelayError as error:
        fail(f"Telegram does not say what the bot is called: {error}. relay check says what to do")
    username = me.get("username") if isinstance(me, dict) else None
    if not isinstance(username, str) or not username:
        fail("the bot has no user name")
    return username


def _save(qr: QRCode, path: Path, kind: str) -> None:
    """Write the picture. Exit 1 with a line when that cannot be; then there is no new file."""
    picture, is_new = io.BytesIO(), not path.exists()
    qr.save(picture, kind=kind, scale=8)
    try:
        path.write_bytes(picture.getvalue())
    except OSError as error:
        if is_new:
            path.unlink(missing_ok=True)
        fail(f"{path}: cannot be written ({error.strerror})")


def _qr_code(url: str) -> QRCode:
    return segno.make_qr(url)
