"""The command `relay check`."""

import asyncio
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import structlog

from relay.doctor.examine import examine
from relay.doctor.finding import MARKS, report

_FILE: Final = click.Path(dir_okay=False, path_type=Path)
_COLOURS: Final = {"well": "green", "wrong": "red", "skipped": "yellow"}


@click.command
@click.option("--env-file", type=_FILE, default=".env", show_default=True, help="Read settings from this file too.")
@click.option("--config", type=_FILE, default="relay.toml", show_default=True, help="The file that names channels.")
@click.option("--send", "send_to", type=int, metavar="CHAT", help="Send a test message to this chat, and to Kit as it.")
@click.option("--apply", "applies", is_flag=True, help="Set the bot's commands, description and menu, by language.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
def check(*, env_file: Path, config: Path, send_to: int | None, applies: bool, as_json: bool) -> None:
    """Look at settings, database, disk, clock, bot, Kit, the public address, certificate and versions.

    One line each: ✓ is well, ✗ must be mended, and how; · could not be looked at. Changes nothing but what --apply is
    for, and may be run beside a running relay. Exit code 0 when nothing is ✗, else 1.
    """
    # The report says it all; what the adapters log of the same would stand between its lines.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    findings = asyncio.run(examine(env_file, config, send_to=send_to, applies=applies))
    fine = all(finding.verdict != "wrong" for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": fine, "checks": [asdict(finding) for finding in findings]}, indent=2))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for finding, text in report(findings, columns):
            mark = click.style(MARKS[finding.verdict], fg=_COLOURS[finding.verdict], bold=True)
            click.echo(f"{mark} {click.style(text, dim=finding.verdict == 'skipped')}")
    sys.exit(0 if fine else 1)
