"""`relay status`: how the relay does, at a glance."""

import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import age, print_json, visible
from relay.cli.starting import load as load_settings
from relay.settings.channels import Channel

_NOT_RUNNING = 3
_LOOK = 2.0  #: Seconds between two looks.
_WIDTH = 100  #: Columns that sentences take.
_COLUMNS = ("", "in/min", "out/min", "waiting", "<10s", "<1m", "<10m", "<1h", "older", "oldest", "dead")
_TOTALS = ("in all", "received", "retried", "delivered", "waiting", "died", "declined")
_SLOW = 5.0  #: Seconds.
_DECLINED_AS = {
    "blocked": ("message of a customer who is blocked", "messages of customers who are blocked"),
    "held_start": ("Start without words after it yet", "Starts, each until words followed"),
    "flood": ("message of a customer of whom 1000 waited", "messages of customers of whom 1000 waited"),
    "foreign_owner": (
        "update of a Business account that is not in RELAY_BUSINESS_OWNERS",
        "updates of Business accounts that are not in RELAY_BUSINESS_OWNERS",
    ),
}
_NAMES = {"to_kit": "to Kit", "to_telegram": "to Telegram"}


@click.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
@click.option("--watch", is_flag=True, help="Look again every two seconds until Ctrl-C.")
@settings_options
def status(*, as_json: bool, watch: bool, env_file: Path | None, config: Path | None) -> None:
    """See what comes in and goes out, what waits for how long, what died of what, and how each side is.

    Asks the running relay; when none runs, says what the database holds. Exit status: 0 all is well, 1 something is
    not, 3 no relay runs.
    """
    channels = load_settings(env_file, config)
    if watch and not as_json:
        _watch(channels)
        return
    found = ask_relay(channels, "status").value
    if as_json:
        print_json(found)
    else:
        for line in report(found):
            click.echo(line)
    sys.exit(exit_code(found))


def exit_code(found: Mapping[str, Any]) -> int:
    """0 all is well, 1 something is not, 3 no relay runs."""
    if not found["running"]:
        return _NOT_RUNNING
    return 0 if all(check["ok"] for check in found["checks"].values()) and not found["warnings"] else 1


def report(found: Mapping[str, Any]) -> Iterator[str]:
    """The lines that tell it to a person."""
    yield from _running(found)
    yield from map(_relay, found["relays"])
    database = found["checks"].get("database")
    if database is not None and not database["ok"]:
        yield _line("database", database)
    for channel in found["channels"]:
        yield ""
        yield click.style(_title(channel), bold=True)
        for line in _channel(channel):
            yield f"  {line}"


def _watch(channels: tuple[Channel, ...]) -> None:
    # A flag and no exception: Python drops one that a signal raises inside of a weak reference's callback.
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    if not sys.stdout.isatty():
        while not stopped.is_set():
            click.echo("\n".join([*report(ask_relay(channels, "status").value), ""]))
            stopped.wait(_LOOK)
        return
    from rich.live import Live  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False, screen=True) as live:
        while not stopped.is_set():
            lines = "\n".join(report(ask_relay(channels, "status").value))
            live.update(Text.from_ansi(lines, no_wrap=True, overflow="ellipsis"), refresh=True)
            stopped.wait(_LOOK)


def _running(found: Mapping[str, Any]) -> Iterator[str]:
    """Whether a relay runs here, and how many elsewhere on the same database."""
    others = found["other_relays"]
    if found["running"]:
        yield f"relay {found['version']} has run for {age(found['uptime'])}"
        if others:
            yield f"{_many(others, 'other relay shares', 'other relays share')} its database"
    elif others:
        yield f"No relay runs here; {_many(others, 'relay runs', 'relays run')} elsewhere on its database, which holds:"
    else:
        yield "No relay runs. This is what its database holds:"


def _relay(relay: Mapping[str, Any]) -> str:
    """One of several on a database, and what only it does."""
    this = " (this one)" if relay["this"] else ""
    duties = ", ".join(relay["duties"]) or "no duties"
    return f"  {relay['name']}{this}: {duties}"


def _channel(channel: Mapping[str, Any]) -> Iterator[str]:
    yield from _sides(channel)
    yield from _figures(channel["directions"])
    yield from _totals(channel["directions"])
    yield from _remarks(channel)
    yield from _ratings(channel["ratings"])
    yield from _dead(channel)


def _sides(channel: Mapping[str, Any]) -> Iterator[str]:
    for name, side in channel["sides"].items():
        yield _line(name, side)
    yield from _callbacks(channel["callbacks"])
    if not channel["oldest_waiting"]["ok"]:
        yield _line("waiting", channel["oldest_waiting"])
    if channel["sides"]:
        yield f"  last poll {age(channel['poll_age'])} ago, Kit's token {age(channel['token_age'])} old"


def _callbacks(callbacks: Mapping[str, Any]) -> Iterator[str]:
    yield _line("callbacks", callbacks)
    if callbacks["remedy"]:
        yield from wrap(callbacks["remedy"], _WIDTH, initial_indent="  → ", subsequent_indent="    ")


def _line(name: str, check: Mapping[str, Any]) -> str:
    mark = click.style("✓", fg="green") if check["ok"] else click.style("✗", fg="red")
    return f"{mark} {name:<9} {visible(check['reason'])}"


def _figures(directions: Mapping[str, Any]) -> Iterator[str]:
    yield from _table([_COLUMNS, *(_row(name, directions[name]) for name in _NAMES)])


def _totals(directions: Mapping[str, Any]) -> Iterator[str]:
    """What came in, and what became of it: received + retried = delivered + waiting + died + declined."""
    yield from _table([_TOTALS, *(_sum(name, directions[name]) for name in _NAMES)])


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first.strip().ljust(widths[0]), *others])


def _row(name: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (figures["received_per_minute"], figures["delivered_per_minute"], figures["waiting"])
    ages = figures["waiting_by_age"].values()
    oldest, dead = age(figures["oldest_waiting"]), str(figures["dead_letters"])
    return (_NAMES[name], *map(str, (*numbers, *ages)), oldest, dead)


def _sum(name: str, figures: Mapping[str, Any]) -> tuple[str, ...]:
    totals = figures["totals"]
    came, became = (totals["received"], totals["revived"]), (totals["delivered"], figures["waiting"])
    return (_NAMES[name], *map(str, (*came, *became, totals["dead"], totals["declined"])))


def _remarks(channel: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it should be, and is nobody's outage."""
    for direction, figures in channel["directions"].items():
        if held := figures["held"]:
            chats = _many(held["chats"], "chat waits", "chats wait")
            yield f"held {_NAMES[direction]}: {chats} for the next attempt, for {age(held['longest'])} at most"
        if (seconds := figures["attempt_seconds"]) is not None and seconds >= _SLOW:
            yield f"slow {_NAMES[direction]}: one attempt of twenty takes {seconds:.1f} s or longer"
    if unknown := channel["unknown_clients"]:
        messages = _many(unknown, "message of Kit's was", "messages of Kit's were")
        yield f"declined to Telegram: {messages} for customers who never wrote to this bot"
    for name, (one, more) in _DECLINED_AS.items():
        if times := channel["declined_as"][name]:
            yield f"declined to Kit: {_many(times, one, more)}"


def _many(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _title(channel: Mapping[str, Any]) -> str:
    username = f" @{visible(channel['username'])}" if channel["username"] else ""
    return f"channel {channel['name']}{username}"


def _ratings(ratings: Mapping[str, Any]) -> Iterator[str]:
    given = {int(stars): times for stars, times in ratings["stars"].items() if times}
    if given:
        answers = sum(given.values())
        average = sum(stars * times for stars, times in given.items()) / answers
        yield f"rated {average:.1f} of 5 stars, {answers} answers to {ratings['asked']} questions"
    elif ratings["asked"]:
        yield f"nobody has answered the {ratings['asked']} questions for stars"


def _dead(channel: Mapping[str, Any]) -> Iterator[str]:
    for dead in channel["dead"]:
        newest = f"the newest {age(dead['age'])} ago"
        times = _many(dead["letters"], "time", "times")
        yield f"dead {_NAMES[dead['direction']]}: {times} {visible(dead['reason'])} ({newest})"
