"""The command `relay bench`."""

import signal
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import structlog

from relay.cli.printing import print_json
from relay.cli.starting import fail, keep_to_ourselves
from relay.doctor.channels_to_check import find_subjects
from relay.doctor.limits import Limit, Measured, Times, Trips, first_of, limits_of
from relay.doctor.speed import measure
from relay.errors import Unavailable

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command
@click.option("--env-file", type=_FILE, default=".env", show_default=True, help="Read settings from this file too.")
@click.option("--config", type=_FILE, default="relay.toml", show_default=True, help="The file that names channels.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
def bench(*, env_file: Path, config: Path, as_json: bool) -> None:
    """Measure this machine's disk, and the ways to Telegram and Kit, and say how many messages a second that makes.

    It takes some ten seconds, sends no message, changes nothing, and takes away what it wrote. A relay that runs
    meanwhile goes on, a little slower. Of several channels, it asks the first one's bot and Kit.
    """
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    keep_to_ourselves()
    findings, subjects = find_subjects(env_file, config)
    if not subjects or subjects[0].lacks("relay_database_url"):
        for finding in findings:
            click.echo(f"{finding.title}: {finding.line}", err=True)
        fail("Mend the settings first: relay check", code=2)
    # As Ctrl-C, which lets it take away what it wrote; also where a shell in the background has it ignored.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        measured = measure(subjects[0])
    except (OSError, sqlite3.Error, Unavailable) as error:
        fail(f"nothing can be written beside the database: {error}. Is there room, and is it the relay's to write?")
    limits = list(limits_of(measured, subjects[0].settings.telegram_rate_limit))
    if as_json:
        print_json(_document(measured, limits))
        return
    for line in (*_measured(measured), "", *_conclusions(limits)):
        click.echo(line)


def _document(measured: Measured, limits: Sequence[Limit]) -> dict[str, Any]:
    first = {"to_kit": first_of(limits, "to_kit"), "to_telegram": first_of(limits, "to_telegram")}
    names = {direction: limit.name if limit else None for direction, limit in first.items()}
    return {**asdict(measured), "limits": [asdict(each) for each in limits], "first": names}


def _measured(measured: Measured) -> Iterator[str]:
    if measured.disk is None or measured.database is None:
        yield "database   it is on a server: measure that one's disk, by pg_test_fsync"
    else:
        database = measured.database
        yield f"disk       {measured.directory} keeps a page for good in {_times(measured.disk)}"
        yield f"database   {database.rows:,.0f} rows a second; {database.messages:,.0f} messages a second at most,"
        yield f"           {database.alone:.1f} ms for one that comes alone"
    yield f"Telegram   {_trips(measured.telegram)}"
    yield f"Kit        {_trips(measured.kit)}"


def _trips(trips: Trips | None) -> str:
    if trips is None:
        return "not set yet: relay setup asks for it"
    if trips.later is None:
        return f"not reached: {trips.fault}. relay check says more"
    return f"answers in {_times(trips.later)}; {trips.first:.0f} ms with a new connection"


def _times(times: Times) -> str:
    return f"{times.median:.1f} ms, 95 times of 100 in {times.p95:.1f} ms"


def _conclusions(limits: Sequence[Limit]) -> Iterator[str]:
    """For each direction what is reached first."""
    for first, where in ((first_of(limits, "to_kit"), "to Kit"), (first_of(limits, "to_telegram"), "to Telegram")):
        if first is not None:
            yield f"{_rounded(first.messages_per_second):,.0f} messages a second {where}, then: {first.because}."
    yield "docs/performance.md says what to do when that is not enough."


def _rounded(figure: float) -> float:
    """Two digits: more would say more than is known."""
    return float(f"{figure:.2g}")
