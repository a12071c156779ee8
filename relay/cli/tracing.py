"""`relay trace`: what became of a message, step by step."""

import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import age, print_json, visible
from relay.cli.starting import load

_LETTERS = 50
_INDENT = 36  #: Columns of a moment and of what happened.
_NARROWEST = 40
_SIDES = {"to_kit": "to Kit", "to_telegram": "to Telegram"}
_SOURCES = {"telegram": "update {id} from Telegram", "kit": "event {id} from Kit", "relay": "note {id} of the relay"}


@click.command
@click.argument("client", required=False)
@click.option("--message", help="Only the message of this number: Telegram's, or Kit's.")
@click.option("--event", help="Only the event of this id: Kit's, or one that went to Kit; or an update's.")
@click.option("--words", is_flag=True, help="Also what came in and went out: a customer's words.")
@click.option("--limit", type=click.IntRange(min=1), default=_LETTERS, show_default=True, help="So many letters.")
@click.option("--channel", help="Of the channel with this name or bot id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
@settings_options
def trace(*, as_json: bool, env_file: Path | None, config: Path | None, **asked: Any) -> None:  # noqa: ANN401
    """See what came from and for a CLIENT, when it was committed, which attempts failed and why, and what left.

    CLIENT is Kit's client id; in private chats that is Telegram's chat id. The oldest step comes first. With --event no
    client is needed if the event came from Kit. Words are shown only with --words: mind who reads your terminal.
    """
    if asked["client"] is None and asked["event"] is None:
        raise click.UsageError("say which CLIENT, or --event")
    found = ask_relay(load(env_file, config), "trace", **asked).value
    if as_json:
        print_json(found)
        return
    click.echo(f"client {visible(found['client'] or 'unknown')} of channel {found['channel']}")
    for step in found["steps"]:
        for line in _lines(step):
            click.echo(line)


def _lines(step: Mapping[str, Any]) -> Iterator[str]:
    colour = {"died": "red", "failed": "yellow", "left": "green"}.get(step["what"])
    what = click.style(f"{step['what']:<8}", fg=colour)
    beginning = f"{_moment(step['at'])}  {what}  "
    told = visible(_told(step))
    if sys.stdout.isatty():
        room = max(_NARROWEST, shutil.get_terminal_size().columns - _INDENT)
        told = f"\n{' ' * _INDENT}".join(wrap(told, room, break_long_words=False, break_on_hyphens=False))
    yield f"{beginning}{told}"
    if step.get("words"):
        yield f"{' ' * _INDENT}{visible(step['words'])}"


def _told(step: Mapping[str, Any]) -> str:
    match step["what"]:
        case "came":
            return _came(step)
        case "declined":
            return f"{_letter(step)}: {step['reason']}"
        case "failed":
            again = f", {step['times']} times in {age(step['until'] - step['at'])}" if step["times"] > 1 else ""
            return f"{_delivery(step)}: {step['reason']}{again}"
        case _:
            return _ended(step)


def _came(step: Mapping[str, Any]) -> str:
    parts = [_letter(step)]
    if step["message_id"] is not None:
        parts.append(f"message {step['message_id']}")
    if step["written_at"] is not None:
        parts.append(f"written {age(step['at'] - step['written_at'])} before")
    held = "its words are gone" if step["holds"] is None else "; ".join(step["holds"])
    return f"{', '.join(parts)}: {held}"


def _ended(step: Mapping[str, Any]) -> str:
    parts = [_delivery(step)]
    if step["message_ids"]:
        parts.append(f"message {', '.join(step['message_ids'])}")
    if step["event_id"] is not None:
        parts.append(f"event {step['event_id']}")
    if step["attempts"] > 1:
        parts.append(f"{step['attempts']} attempts")
    told = ", ".join(parts)
    if step["reason"] is not None:
        told += f": {step['reason']}"
    if step["due_at"] is not None:
        is_due = step["due_at"] <= time.time()
        told += "; due now" if is_due else f"; not before {_moment(step['due_at'])}"
    return told


def _letter(step: Mapping[str, Any]) -> str:
    return _SOURCES[step["source"]].format(id=step["source_id"])


def _delivery(step: Mapping[str, Any]) -> str:
    return f"delivery {step['delivery']} {_SIDES[step['direction']]}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z"
