"""How commands print: JSON for scripts, tabs between columns in a pipe, a table on a terminal."""

import json
import sys
from collections.abc import Iterable, Sequence

import click

#: Seconds, and how a longer time is told.
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def print_json(value: object) -> None:
    """One document on standard output; only ASCII, so that any locale can take it."""
    click.echo(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their columns: drawn on a terminal; elsewhere a line each, with tabs, for `cut` and `awk`."""
    texts = [[visible(str(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *texts):
            click.echo("\t".join(line))
        return
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only a terminal needs it
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(*columns, box=SIMPLE_HEAD, show_edge=False)
    for text in texts:
        table.add_row(*text)
    Console(markup=False, emoji=False, highlight=False).print(table)


def visible(text: str) -> str:
    """Strangers' text without anything that a terminal obeys."""
    return text if text.isprintable() else repr(text)[1:-1]


def age(seconds: float | None) -> str:
    """A time as people say it: 5 s, 3 min, 2 h, 4 d."""
    if seconds is None:
        return "-"
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
