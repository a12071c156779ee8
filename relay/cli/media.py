"""`relay media`: links to files, and their end."""

import re
from pathlib import Path
from typing import Final

import click

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.starting import load

_END_OF_ID: Final = re.compile("[/?#]")


@click.group
def media() -> None:
    """Links under which agents open customers' files. RELAY_MEDIA_DAYS says when they end by themselves."""


@media.command(short_help="Take a media link back.")
@click.argument("link")
@settings_options
def revoke(*, link: str, env_file: Path | None, config: Path | None) -> None:
    """Take LINK back, as it stands in Kit: from now on it opens nothing. It cannot be undone.

    The file itself stays at Telegram; what an agent has downloaded stays with the agent.
    """
    asked = ask_relay(load(env_file, config), "media_revoke", id=_id_in(link)).value
    click.echo(f"taken back: {asked['id']}")


def _id_in(link: str) -> str:
    """The id in a link, or the id itself."""
    _, found, rest = link.partition("/media/")
    return _END_OF_ID.split(rest, maxsplit=1)[0] if found else link
