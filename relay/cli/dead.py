"""`relay dead`: the letters that got no further, for a person to look at, to retry or to drop."""

import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import age, print_json, print_table, visible
from relay.cli.starting import load
from relay.settings.channels import Channel

Command = TypeVar("Command", bound=Callable[..., object])

_PAGE = 100
_NAMES = {"to_kit": "to Kit", "to_telegram": "to Telegram"}
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class _Age(click.ParamType[float]):
    """A time as people write it, in seconds: 90s, 15m, 2h, 7d."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        number, unit = text[:-1], _UNITS.get(text[-1:])
        if unit is None or not (number.isascii() and number.isdecimal()):
            self.fail("must be a number and s, m, h or d, such as 15m", param, ctx)
        return int(number) * unit


#: A dead letter's number, as far as a database counts.
_ID = click.IntRange(1, 2**63 - 1)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
_CHOICES = (
    click.option("--channel", help="Of the channel with this name or bot id."),
    click.option("--client", help="Of the customer with this client id or chat id."),
    click.option("--direction", type=click.Choice(list(_NAMES)), help="Of this direction."),
    click.option("--reason", help="With these words in the reason."),
    click.option("--older-than", type=_Age(), help="That died longer ago than this: 90s, 15m, 2h, 7d."),
    click.option("--newer-than", type=_Age(), help="That died since then."),
)


def _choosing(command: Command) -> Command:
    """Let the command take the options that say which dead letters are meant."""
    for option in reversed(_CHOICES):
        command = option(command)
    return command


@click.group
def dead() -> None:
    """Dead letters are deliveries that were refused for good, or tried for too long, each with its reason.

    The running relay is asked; when none runs, the database is.
    """


@dead.command("list", short_help="List them, the oldest first.")
@_choosing
@click.option("--limit", type=click.IntRange(min=1), default=_PAGE, show_default=True, help="So many at most.")
@_JSON
@settings_options
def list_dead(*, limit: int, as_json: bool, env_file: Path | None, config: Path | None, **choice: Any) -> None:  # noqa: ANN401
    """List dead letters, the oldest first, without a word of what they hold."""
    channels = load(env_file, config)
    letters: list[Mapping[str, Any]] = []
    total = 0
    for page in _pages(channels, "dead_list", choice, limit):
        letters += page["letters"]
        total = page["total"]
    if as_json:
        print_json({"total": total, "letters": letters})
        return
    columns = ("id", *(("channel",) if len(channels) > 1 else ()), "direction", "client", "age", "attempts", "reason")
    print_table(columns, (_cells(letter, columns) for letter in letters))
    if total > len(letters):
        click.echo(f"{total - len(letters)} more; --limit shows them", err=True)


@dead.command("show", short_help="Show one.")
@click.argument("letter", type=_ID, metavar="ID")
@click.option("--words", is_flag=True, help="Also what came in and what was to go out: a customer's words.")
@_JSON
@settings_options
def show_dead(*, letter: int, words: bool, as_json: bool, env_file: Path | None, config: Path | None) -> None:
    """Show one dead letter: whose, why, when, and what it holds by kind and length; its words only with --words."""
    shown = ask_relay(load(env_file, config), "dead_show", id=letter, words=words).value
    if as_json:
        print_json(shown)
        return
    for line in _description(shown):
        click.echo(line)


@dead.command("retry", short_help="Let them be delivered after all.")
@click.argument("ids", type=_ID, nargs=-1)
@_choosing
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@_JSON
@settings_options
def retry_dead(
    *,
    ids: tuple[int, ...],
    everything: bool,
    as_json: bool,
    env_file: Path | None,
    config: Path | None,
    **choice: Any,  # noqa: ANN401 - the options that choose
) -> None:
    """Map dead letters anew, with this version and these settings, and deliver them in the order of their chats.

    What was confirmed already is not sent again. Exit status 1 when one of them could not be put back.
    """
    _must_choose(ids, choice, everything=everything)
    channels = load(env_file, config)
    fates, running = _work(channels, "dead_retry", {**choice, "ids": ids}, "retrying")
    stuck = [fate for fate in fates if fate["fate"] in {"dead", "gone"}]
    missing = sorted(set(ids) - {fate["id"] for fate in fates})
    if as_json:
        print_json({"running": running, "letters": fates, "missing": missing})
    else:
        _say_fates(fates, running=running)
        _say_missing(missing)
    sys.exit(1 if stuck or missing else 0)


@dead.command("drop", short_help="Throw them away for good.")
@click.argument("ids", type=_ID, nargs=-1)
@_choosing
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_JSON
@settings_options
def drop_dead(
    *,
    ids: tuple[int, ...],
    everything: bool,
    yes: bool,
    as_json: bool,
    env_file: Path | None,
    config: Path | None,
    **choice: Any,  # noqa: ANN401 - the options that choose
) -> None:
    """Throw dead letters away for good. Asks first."""
    _must_choose(ids, choice, everything=everything)
    channels = load(env_file, config)
    chosen = {**choice, "ids": ids}
    total = ask_relay(channels, "dead_list", **chosen, limit=0).value["total"]
    if total and not yes:
        click.confirm(f"Throw {total} dead letter{'s' * (total != 1)} away for good?", abort=True, err=True)
    fates, running = _work(channels, "dead_drop", chosen, "dropping")
    missing = sorted(set(ids) - {fate["id"] for fate in fates})
    if as_json:
        print_json({"running": running, "dropped": [fate["id"] for fate in fates], "missing": missing})
    else:
        click.echo(f"{len(fates)} dropped")
        _say_missing(missing)
    sys.exit(1 if missing else 0)


def _must_choose(ids: tuple[int, ...], choice: Mapping[str, Any], *, everything: bool) -> None:
    chosen = bool(ids) or any(value is not None for value in choice.values())
    if chosen and everything:
        raise click.UsageError("--all means every dead letter: leave the others out")
    if not chosen and not everything:
        raise click.UsageError("say which ones: ids, options such as --reason, or --all")


def _pages(
    channels: tuple[Channel, ...], operation: str, choice: Mapping[str, Any], limit: int
) -> Iterator[Mapping[str, Any]]:
    after, left = 0, limit
    while left > 0:
        page = ask_relay(channels, operation, **choice, after=after, limit=min(left, _PAGE)).value
        yield page
        left -= len(page["letters"])
        if page["after"] is None or len(page["letters"]) < _PAGE:
            return
        after = page["after"]


def _work(
    channels: tuple[Channel, ...], operation: str, choice: Mapping[str, Any], doing: str
) -> tuple[list[dict[str, Any]], bool]:
    """Do it page by page, with a bar if it takes long and somebody watches."""
    ask = partial(ask_relay, channels, operation, **choice, limit=_PAGE)
    answer = ask(after=0)
    fates = list(answer.value["letters"])
    if answer.value["total"] > len(fates):
        hidden = not sys.stderr.isatty()
        with click.progressbar(length=answer.value["total"], label=doing, file=sys.stderr, hidden=hidden) as bar:
            bar.update(len(fates))
            while answer.value["after"] is not None:
                answer = ask(after=answer.value["after"])
                fates += answer.value["letters"]
                bar.update(len(answer.value["letters"]))
    return fates, answer.running


def _say_fates(fates: list[dict[str, Any]], *, running: bool) -> None:
    waiting = sum(fate["fate"] == "waiting" for fate in fates)
    click.echo(f"{waiting} on the way again" if running else f"{waiting} wait for a relay to run")
    for fate in fates:
        if fate["fate"] == "declined":
            click.echo(f"{fate['id']}: nothing is to be sent for it today: {visible(fate['reason'])}")
        elif fate["fate"] == "gone":
            click.echo(f"{fate['id']}: gone: somebody else has retried or dropped it meanwhile", err=True)
        elif fate["fate"] != "waiting":
            click.echo(f"{fate['id']}: still dead: {visible(fate['reason'])}", err=True)


def _say_missing(missing: list[int]) -> None:
    if missing:
        click.echo(f"no such dead letter: {', '.join(map(str, missing))}", err=True)


def _cells(letter: Mapping[str, Any], columns: tuple[str, ...]) -> list[object]:
    told = {**letter, "direction": _NAMES[letter["direction"]], "age": age(letter["age"])}
    return ["-" if told[column] is None else told[column] for column in columns]


def _description(shown: Mapping[str, Any]) -> Iterator[str]:
    told = {
        "dead letter": shown["id"],
        "channel": shown["channel"],
        "direction": _NAMES[shown["direction"]],
        "client": shown["client"] or "unknown: the letter could not be read",
        "chat": shown["chat"] or "-",
        "reason": shown["reason"],
        "attempts": shown["attempts"],
        "steps done": shown["steps_done"],
        "came in": _moment(shown["received_at"]) + _as_what(shown),
        "died": f"{_moment(shown['died_at'])}, {age(shown['age'])} ago",
        "holds": "; ".join(shown["holds"]),
    }
    yield from (f"{name:<12} {visible(str(value))}" for name, value in told.items())
    for name in ("letter", "delivery"):
        if name in shown:
            yield f"\n{name}:\n{visible(shown[name] or 'nothing')}"


def _as_what(shown: Mapping[str, Any]) -> str:
    return f", as {shown['source']}'s {shown['source_id']}" if shown["source_id"] else ""


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
