"""The command `relay`: quick, light, and in one style."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from relay.cli import HEADINGS, main
from relay.cli.dead import _say_fates
from relay.cli.printing import age, visible
from relay.cli.tracing import _ended

#: What `relay --help` says of each command, without loading it.
LISTED = {name: listed for commands in HEADINGS.values() for name, listed in commands.items()}
RELAY = (sys.executable, "-m", "relay")


def commands(group: click.Group = main, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=[name for name, _ in commands()])
def test_every_command_says_what_it_does(name: str, command: click.Command) -> None:
    """A line in the list that fits it, ends like a sentence, and help for each of its options."""
    shown = LISTED[name].help if name in LISTED else command.short_help
    assert shown, name
    assert shown.endswith(".")
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"
            assert parameter.help.partition("  [")[0].endswith(".")


def test_help_loads_nothing_heavy() -> None:
    """The commands' modules are light, so that help, completion and the first signals need not wait."""
    code = "import sys, relay.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "alembic", "aiosqlite", "pydantic", "rich", "sqlalchemy", "structlog", "telegram", "segno"}
    assert not set(done.stdout.split()) & heavy


def test_completion_comes_from_click() -> None:
    """`_RELAY_COMPLETE=bash_source relay`, as the documents say, gives the shell what it needs."""
    environment = os.environ | {"_RELAY_COMPLETE": "bash_complete", "COMP_WORDS": "relay dead r", "COMP_CWORD": "2"}
    code = "from relay.cli import main; main(prog_name='relay')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "plain,retry\n"


def test_wrong_use_ends_with_2() -> None:
    """A misspelt command or option is a line about it, and the exit status of wrong use."""
    for arguments in (("statsu",), ("run", "--prot")):
        done = subprocess.run([*RELAY, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert arguments[-1] in done.stderr


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(None, "-"), (-3, "0 s"), (0.4, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (90000, "1 d")],
)
def test_ages_are_told_as_people_do(seconds: float | None, told: str) -> None:
    """One number and the unit that fits it."""
    assert age(seconds) == told


def test_strangers_text_cannot_command_a_terminal() -> None:
    """Escape sequences, line breaks and direction marks are shown, not obeyed."""
    assert visible("\x1b[2Jgone\n\u202e") == r"\x1b[2Jgone\n\u202e"
    assert visible("Grüße, 世界") == "Grüße, 世界"


def test_a_letter_that_somebody_else_has_retried_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    """Of two retries at once one finds nothing to do: the letter is not dead any more, and that is what is said."""
    _say_fates([{"id": 1, "fate": "waiting"}, {"id": 2, "fate": "gone", "reason": "there is none"}], running=True)
    out, err = capsys.readouterr()
    assert (out, err) == ("1 on the way again\n", "2: gone: somebody else has retried or dropped it meanwhile\n")


def test_a_terminal_that_has_not_all_signs_shows_them_by_number(tmp_path: Path) -> None:
    """As one in KOI8-R or Latin-1: a mark or a name that it has not must not end the command."""
    done = subprocess.run(
        [*RELAY, "check", "--env-file", "none", "--config", "none"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "koi8-r", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.startswith(b"\\u2717 ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_nobody_takes_is_a_line_or_nothing(tmp_path: Path, unbuffered: str) -> None:
    """On a full disk a line says so, and the command has failed: 1. A reader that has gone knows what it has."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    reads, writes = os.pipe()
    os.close(reads)
    said = {}
    with open("/dev/full", "wb") as full, os.fdopen(writes, "wb") as closed:  # noqa: PTH123 - a device
        for name, output in (("full", full), ("closed", closed)):
            done = subprocess.run(
                [*RELAY, "check"],
                cwd=tmp_path,
                env=environment,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            said[name] = done.returncode, done.stderr
    assert said == {"full": (1, "The output cannot be written: No space left on device.\n"), "closed": (1, "")}


@pytest.mark.parametrize(("closed", "command", "code"), [(">&-", "check", 1), ("<&- >&- 2>&-", "--version", 0)])
def test_who_closes_the_output_reads_the_exit_status(tmp_path: Path, closed: str, command: str, code: int) -> None:
    """And nothing else: the command does what it always does. Without any output a traceback shows by its 1 alone."""
    shell = ("sh", "-c", f'exec "$@" {closed}', "sh")
    done = subprocess.run([*shell, *RELAY, command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_misspelt_command_is_guessed() -> None:
    """Who types it in the night need not read the list."""
    done = subprocess.run([*RELAY, "statsu"], capture_output=True, text=True, check=False)
    assert (done.returncode, "status" in done.stderr.splitlines()[-1]) == (2, True)


def test_setup_without_a_terminal_says_what_to_do() -> None:
    """As under cron, or in a container without one; and nothing of Python's own warnings."""
    done = subprocess.run([*RELAY, "setup"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "GetPassWarning" not in done.stderr
    assert "--no-input" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("due_at", "said"), [(0.0, "due now"), (4e9, "not before 2096-10-02 07:06:40.000Z")])
def test_a_trace_says_until_when_something_waits(due_at: float, said: str) -> None:
    """While its side is down nothing is put off: a time that is over would puzzle."""
    step = {"delivery": 2, "direction": "to_kit", "message_ids": [], "event_id": None, "attempts": 1, "reason": None}
    assert _ended({**step, "due_at": due_at}) == f"delivery 2 to Kit; {said}"
