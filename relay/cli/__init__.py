"""The command `relay`: one module for each family of commands, loaded when it is called."""

import os
import sys
from collections.abc import Mapping
from io import TextIOWrapper
from typing import Final

import click

from relay import __version__
from relay.cli.lazy import LazyGroup, Listed
from relay.cli.outputs import EndingGroup

#: The commands as `relay --help` lists them: under a heading, the likeliest first.
HEADINGS: Final[Mapping[str, Mapping[str, Listed]]] = {
    "Run": {
        "run": Listed("relay.cli.running:run", "Run the relay."),
        "demo": Listed("relay.cli.showing_demo:demo", "Try the relay between look-alikes; needs no account."),
        "migrate": Listed("relay.cli.migrating:migrate", "Bring the database to this version's schema."),
    },
    "Look and mend": {
        "status": Listed("relay.cli.status:status", "See how the relay does."),
        "trace": Listed("relay.cli.tracing:trace", "See what became of a message."),
        "dead": Listed("relay.cli.dead:dead", "Look at dead letters, retry them, drop them."),
        "hurry": Listed("relay.cli.hurrying:hurry", "Try at once what waits."),
    },
    "Keep safe": {
        "backup": Listed("relay.cli.backups:backup", "Copy the database, also while the relay runs."),
        "restore": Listed("relay.cli.backups:restore", "Put a copy in the place of the database."),
    },
    "Privacy": {
        "customer": Listed("relay.cli.customer:customer", "See, hand out or erase what is kept about a customer."),
        "media": Listed("relay.cli.media:media", "Take media links back."),
    },
    "Win customers": {
        "link": Listed("relay.cli.linking:link", "Make a link to the bot that says where a customer came from."),
    },
    "Set up": {
        "setup": Listed("relay.cli.setting_up:setup", "Ask for what the relay needs, prove it, and write it down."),
        "check": Listed("relay.cli.checking:check", "Say what is wrong with this installation."),
        "bench": Listed("relay.cli.benching:bench", "Measure this machine, and the ways to Telegram and Kit."),
    },
}

EXIT_CODES: Final = """\b
Exit status:
  0  done
  1  failed, or something is not well: the last line says what
  2  a setting or an argument is wrong: a line for each
  3  no relay runs that could be asked
"""


class _Relay(LazyGroup, EndingGroup):
    """All commands."""


@click.group(
    cls=_Relay,
    headings=HEADINGS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="relay")
@click.pass_context
def main(context: click.Context) -> None:
    """Relay between a company's Telegram bot and Voximplant Kit."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org
        context.color = False
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # terminals in Latin-1 or KOI8-R have no marks, and few names
