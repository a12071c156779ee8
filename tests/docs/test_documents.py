"""The documents say what is true: links lead somewhere, and every command in them can be typed."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from relay.cli import main

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
_CODE: Final = re.compile(r"`([^`\n]+)`")


def anchors(page: Path) -> set[str]:
    """Of a page's headings, as the usual renderers make them."""
    found = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def commands(page: Path) -> Iterator[str]:
    """What stands in code, line by line, a line that is continued as one."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from _CODE.findall(line)


def words(command: str, first: str) -> list[str] | None:
    """The words of a call of the program, without comments and what it is piped into; None when it is none."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|;&")
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        found = list(lexer)
    except ValueError:
        return None
    for end in ("|", ";", "&&", "…"):
        if end in found:
            found = found[: found.index(end)]
    while found and ("=" in found[0] or found[0].endswith("/relay")):
        found = ["relay", *found[1:]] if found[0].endswith("/relay") else found[1:]
    in_container = [at for at in range(1, len(found)) if found[at - 1 : at + 1] == ["relay", "relay"]]
    if in_container and first == "relay":
        found = found[in_container[0] :]
    return found if found[:1] == [first] else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to another page, and to a heading in it, has its end."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        end = (page.parent / path).resolve() if path else page
        assert end.exists(), target
        assert not anchor or anchor in anchors(end), target


def test_every_page_is_found_from_the_readme() -> None:
    """No page that nobody comes to."""
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in _LINK.findall(PAGES[0].read_text())}
    for page in PAGES[1:]:
        others = {(page.parent / target.partition("#")[0]).resolve() for target in _LINK.findall(page.read_text())}
        linked |= others if page.resolve() in linked else set()
    assert {page.resolve() for page in PAGES[1:]} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relay_command_can_be_typed(page: Path) -> None:
    """Each `relay …` names a command that there is, with options that it has."""
    for line in commands(page):
        typed = words(line, "relay")
        if typed is None or len(typed) == 1:
            continue
        command: click.Command = main
        rest = typed[1:]
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            names, rest = rest[0].split("|"), rest[1:]
            context = click.Context(command)
            found = [command.get_command(context, name) for name in names]
            assert all(found), line
            command = found[0] or command
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"}
        assert used <= known | {"--help", "--version"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_and_module_is_there(page: Path) -> None:
    """Each `make …` names a target, each `python -m …` a module of ours."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(page):
        if (made := words(line, "make")) is not None and len(made) > 1:
            assert {word for word in made[1:] if "=" not in word} <= targets, line
        if found := re.search(r"python3? -m ((?:relay|tests)[\w.]*)", line):
            assert importlib.util.find_spec(found[1]) is not None, line


def test_the_plan_names_every_room() -> None:
    """docs/architecture.md has a row for each folder and file at the first level of the relay."""
    plan = (ROOT / "docs" / "architecture.md").read_text()
    first_level = {path.name for path in (ROOT / "relay").iterdir() if not path.name.startswith("__")}
    missing = {name for name in first_level if f"`relay/{name}" not in plan}
    assert not missing


def test_the_plan_names_only_files_that_are_there() -> None:
    """A path in docs/architecture.md that moved is found by the next run of the tests."""
    plan = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`(?:relay/)?((?:\w+/)+\w+\.py)`", plan))
    missing = {path for path in named if not any((ROOT / root / path).is_file() for root in ("relay", ""))}
    assert not missing
