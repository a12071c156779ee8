"""docs/operations.md names everything that an operator can meet: commands, log events, metrics, reasons."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families

from relay.cli import main
from relay.delivery.policy import MAX_ATTEMPTS, MAX_SOURCE_ATTEMPTS
from relay.monitoring.health import OLD
from relay.monitoring.metrics import Metrics
from relay.store.totals import Counts

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: Calls that write a line; `note` is that of `Refusals`.
_LEVELS: Final = frozenset({"info", "warning", "error", "critical", "level", "note"})
#: Wherever a name of an event is the first argument, or may be.
_MAY_CALL: Final = re.compile(r'\(\s*["\'][a-z_]+\.[a-z_]+["\']')


def events() -> Iterator[str]:
    """Every event that the relay itself logs, unless only for developers."""
    for path in (ROOT / "relay").rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        if not _MAY_CALL.search(source):  # to take a file apart takes long
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                name = node.args[0].value
                if called in _LEVELS and isinstance(name, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", name):
                    yield name


EVENTS: Final = sorted(set(events()))


def test_events_are_found() -> None:
    """The list below is no empty promise."""
    assert {"relay.ready", "delivery.attempted", "store.failed", "process.crashed"} <= set(EVENTS)


@pytest.mark.parametrize("event", EVENTS)
def test_every_log_event_is_explained(event: str) -> None:
    """Whoever reads a line of the log finds its event in the table."""
    assert f"`{event}`" in PAGE


def test_the_page_explains_no_event_that_there_is_not() -> None:
    """A name that has changed does not stay behind in the table."""
    [table] = re.findall(r"\| event \|.*?\n\n", PAGE, re.DOTALL)
    first_cells = "\n".join(line.split("|")[1] for line in table.strip().splitlines())
    assert set(re.findall(r"`([a-z_]+\.[a-z_]+)`", first_cells)) == set(EVENTS)


def test_every_metric_is_explained() -> None:
    """What `/metrics` shows is in the table, by its full name, and nothing else is."""
    exposed = Metrics().render({"1": Counts()}, {}, 0.0).decode()
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(exposed)
    }
    assert set(re.findall(r"`(relay_[a-z_]+)`", PAGE)) == names


def test_every_way_to_mend_is_shown() -> None:
    """Each command on dead letters stands there as it is typed, and each of their options by its name."""
    dead = main.get_command(click.Context(main), "dead")
    assert isinstance(dead, click.Group)
    for name, command in dead.commands.items():
        assert f"relay dead {name}" in PAGE
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        assert {option for option in options if option not in PAGE} <= {"--limit", "--config", "--env-file"}


def test_its_numbers_are_the_codes() -> None:
    """Attempts and seconds that the page names are those that hold."""
    assert f"tried {MAX_ATTEMPTS} times or more" in PAGE
    assert f"gave up after {MAX_SOURCE_ATTEMPTS} attempts" in PAGE
    assert f"has waited {OLD:.0f} s" in PAGE


def test_every_exit_status_of_the_help_is_there() -> None:
    """`relay --help` and the page know the same ones."""
    told = set(re.findall(r"^  (\d)  ", main.epilog or "", re.MULTILINE))
    assert told == set(re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)) == {"0", "1", "2", "3"}
