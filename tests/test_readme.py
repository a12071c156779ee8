import re
from pathlib import Path

import click
import pytest

from relay.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_command_is_there() -> None:
    """No command of `relay` is a secret."""
    for command in main.list_commands(click.Context(main)):
        assert f"`relay {command}`" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file of ours finds it."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_metric_that_the_readme_names_exists() -> None:
    """The README promises no figure that nobody measures."""
    source = (ROOT / "relay" / "monitoring" / "metrics.py").read_text()
    for name in re.findall(r"`(relay_[a-z_]+?)(?:_total)?[`{ ]", README):
        stem = name.removeprefix("relay_")
        assert f'"relay_{stem}"' in source or f'"{stem}"' in source, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_has_its_head(page: Path) -> None:
    """An empty line within a table makes loose words of the rows below it."""
    lines = ["", *page.read_text().splitlines(), ""]
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith("|") and not before.startswith("|"):
            assert re.fullmatch(r"\|[\s:|-]+\|", after), line
