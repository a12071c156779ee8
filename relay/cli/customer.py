"""`relay customer`: what is kept about one customer, a copy of it, and its end."""

import io
import math
import os
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import print_json, visible
from relay.cli.starting import fail, load
from relay.settings.channels import Channel

_PAGE = 500
_DAY = 86400.0
#: A hundred years: nobody means more.
_MOST_DAYS = 36_500.0
#: The last moment (Unix time) that a calendar has.
_LAST = datetime.max.replace(tzinfo=UTC).timestamp()
_CHANNEL = click.option("--channel", help="Of the channel with this name or bot id.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
#: What the relay cannot reach. Said after each erasure.
_ELSEWHERE = (
    "What lies elsewhere: the conversation in Kit and in Telegram, backups of the database (the start on a restored one"
    " erases again), copies that `relay restore` kept aside (….replaced-…), and client numbers in the container's log."
)


@click.group
def customer() -> None:
    """What is kept about one customer: look at it, hand it out, erase it. And who may not write.

    CLIENT is Kit's client id; in private chats that is Telegram's chat id. The running relay is asked; when none runs,
    the database is.
    """


@customer.command(short_help="Say what is kept about a customer.")
@click.argument("client")
@_CHANNEL
@_JSON
@settings_options
def show(*, client: str, channel: str | None, as_json: bool, env_file: Path | None, config: Path | None) -> None:
    """Say how much is kept about CLIENT, by table. No words are shown."""
    found = ask_relay(load(env_file, config), "customer_show", client=client, channel=channel).value
    if as_json:
        print_json(found)
        return
    click.echo(f"client {visible(found['client'])} of channel {found['channel']}")
    for table, rows in found["rows"].items():
        click.echo(f"  {table:<16} {rows}")
    if not found["rows"]:
        click.echo("  nothing is kept")


@customer.command(short_help="Write all that is kept about a customer into an archive.")
@click.argument("client")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_CHANNEL
@settings_options
def export(*, client: str, file: Path, channel: str | None, env_file: Path | None, config: Path | None) -> None:
    """Write all that is kept about CLIENT into the archive FILE: messages.txt for people, data.json for programs.

    It holds a customer's words: keep it as you keep those. Files themselves are not in it, since the relay has none.
    """
    if file.exists():
        fail(f"{file} is there already. Name another file")
    channels = load(env_file, config)
    kept = ask_relay(channels, "customer_show", client=client, channel=channel).value["rows"]
    if not kept:
        fail(f"nothing is kept about {client}")
    tables = {table: list(_rows(channels, client, channel, table)) for table in kept}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("messages.txt", "".join(_lines(tables.get("message", []))))
        written.writestr("data.json", orjson.dumps(tables, option=orjson.OPT_INDENT_2))
    _write(file, archive.getvalue())
    click.echo(f"{file}: {sum(map(len, tables.values()))} rows of {len(tables)} tables")


@customer.command(short_help="Erase all that is kept about a customer.")
@click.argument("client")
@click.option("--yes", is_flag=True, help="Do not ask whether you mean it.")
@_CHANNEL
@_JSON
@settings_options
def erase(
    *, client: str, yes: bool, channel: str | None, as_json: bool, env_file: Path | None, config: Path | None
) -> None:
    """Erase all that is kept about CLIENT, for ever, also while the relay runs. It cannot be undone.

    What waits for them is not delivered any more. Who writes again is a new customer.
    """
    channels = load(env_file, config)
    if not yes:
        click.confirm(f"Erase all that is kept about {client}? It cannot be undone", abort=True)
    found = ask_relay(channels, "customer_erase", client=client, channel=channel).value
    if as_json:
        print_json(found)
        return
    click.echo(f"erased: {sum(found['rows'].values())} rows about client {visible(found['client'])}")
    for table, rows in found["rows"].items():
        click.echo(f"  {table:<16} {rows}")
    for path in found["files"]:
        click.echo(f"  file {path}")
    click.echo(_ELSEWHERE)


@customer.command(short_help="Take nothing more of a customer, for a time or for ever.")
@click.argument("client")
@click.option("--days", type=click.FloatRange(0, _MOST_DAYS, min_open=True), help="For so many days.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="Until this moment, in UTC.")
@_CHANNEL
@_JSON
@settings_options
def block(  # noqa: PLR0913 - one option each
    *,
    client: str,
    days: float | None,
    until: datetime | None,
    channel: str | None,
    as_json: bool,
    env_file: Path | None,
    config: Path | None,
) -> None:
    """Decline what CLIENT writes, from now on, for --days or --until a moment; without either until `unblock`.

    They are not told. What waits already goes on, and agents can still write to them. `status` counts what is declined.
    """
    end = _end_of(days, until)
    found = ask_relay(load(env_file, config), "customer_block", client=client, until=end, channel=channel).value
    if as_json:
        print_json(found)
        return
    click.echo(f"blocked {_end(found['until'])}: client {visible(found['client'])} of channel {found['channel']}")


@customer.command(short_help="Take again what a customer writes.")
@click.argument("client")
@_CHANNEL
@_JSON
@settings_options
def unblock(*, client: str, channel: str | None, as_json: bool, env_file: Path | None, config: Path | None) -> None:
    """End the block of CLIENT. What they wrote meanwhile stays declined."""
    found = ask_relay(load(env_file, config), "customer_unblock", client=client, channel=channel).value
    if as_json:
        print_json(found)
        return
    said = "not blocked any more" if found["was_blocked"] else "was not blocked"
    click.echo(f"{said}: client {visible(found['client'])} of channel {found['channel']}")


@customer.command(short_help="Say who is blocked, and until when.")
@_CHANNEL
@_JSON
@settings_options
def blocked(*, channel: str | None, as_json: bool, env_file: Path | None, config: Path | None) -> None:
    """Say who is blocked, and until when."""
    found = ask_relay(load(env_file, config), "customer_blocked", channel=channel).value
    if as_json:
        print_json(found)
        return
    for client, end in sorted(found["blocked"].items()):
        click.echo(f"{visible(client)}  {_end(end)}")
    if not found["blocked"]:
        click.echo("nobody is blocked")


def _end_of(days: float | None, until: datetime | None) -> float | None:
    """The Unix time at which a block ends; None: never. Exit 2 with a line for what cannot be meant."""
    if days is not None and until is not None:
        raise click.UsageError("say --days or --until, not both")
    if days is not None and math.isnan(days):
        raise click.UsageError("--days is no number")
    if until is None:
        return None if days is None else time.time() + days * _DAY
    end = until.replace(tzinfo=UTC).timestamp()
    if end <= time.time():
        raise click.UsageError("--until is over already")
    return end


def _end(until: float | None) -> str:
    if until is None or until > _LAST:
        return "for ever"
    return f"until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M} UTC"


def _rows(channels: Sequence[Channel], client: str, channel: str | None, table: str) -> Iterator[Mapping[str, Any]]:
    after = 0
    while True:
        asked = {"client": client, "channel": channel, "table": table, "after": after}
        rows = ask_relay(channels, "customer_rows", **asked).value["rows"]
        yield from rows
        after += len(rows)
        if len(rows) < _PAGE:
            return


def _write(file: Path, data: bytes) -> None:
    """Make the file, which nobody else may read, whole or not at all. Exit 1 with a line when it cannot be."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{file} cannot be written ({error.strerror})")
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
    except OSError as error:
        file.unlink()
        fail(f"{file} cannot be written ({error.strerror}). Nothing is left of it")


def _lines(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for message in sorted(messages, key=lambda row: (row["said_at"], row["message_id"])):
        moment = datetime.fromtimestamp(message["said_at"], UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        yield f"{moment}  {message['author']}: {message['text']}\n"
