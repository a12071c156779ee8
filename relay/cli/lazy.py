"""A group whose commands are loaded when they are called, so that help is quick and `run` hears signals first.

https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Listed:
    """Where a command is defined, and what the list of commands says of it."""

    place: str  #: `module:name`
    help: str


class LazyGroup(click.Group):
    """Lists its commands under headings, from the table alone; loads one when it is asked for."""

    def __init__(self, *args: Any, headings: Mapping[str, Mapping[str, Listed]], **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        self._headings = headings
        self._listed = {name: each for commands in headings.values() for name, each in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """The names, in the order of the table."""
        return list(self._listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it
        """Load a command."""
        listed = self._listed.get(cmd_name)
        if listed is None:
            return None
        module, _, name = listed.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; who misspells it reads which one was meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self._listed, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Write the lists; nothing is loaded for it."""
        for heading, commands in self._headings.items():
            rows: Sequence[tuple[str, str]] = [(name, listed.help) for name, listed in commands.items()]
            with formatter.section(heading):
                formatter.write_dl(rows)
