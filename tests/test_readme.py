import re
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

from relay.cli import main
from relay.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def settings_table() -> str:
    """The README's table of settings, as `relay/settings.py` has them."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "**required**" if field.default is PydanticUndefined else f"`{field.default}`"
        if field.default is None or field.default == "":
            default = "none"
        if field.default is False:
            default = "`false`"
        lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines)


def test_the_settings_table_says_what_the_code_says() -> None:
    """Each setting stands in the README with its default and its description; copy the table from this failure."""
    [table] = re.findall(r"<!-- settings: .*?-->\n(.*?)\n?<!-- /settings -->", README, re.DOTALL)
    assert table.strip() == settings_table()


def test_every_command_is_there() -> None:
    """No command of `relay` is a secret."""
    for command in main.commands:
        assert f"`relay {command}`" in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file of ours finds it."""
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_metric_that_the_readme_names_exists() -> None:
    """The README promises no figure that nobody measures."""
    source = (ROOT / "relay" / "metrics.py").read_text()
    for name in re.findall(r"`(relay_[a-z_]+?)(?:_total)?[`{ ]", README):
        stem = name.removeprefix("relay_")
        assert f'"relay_{stem}"' in source or f'"{stem}"' in source, name
