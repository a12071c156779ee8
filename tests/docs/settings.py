"""The tables of settings in README.md (what must be set) and docs/settings.md (all), made from the code.

`python -m tests.docs.settings` writes them.
"""

import re
from pathlib import Path
from typing import Final

from pydantic_core import PydanticUndefined

from relay.settings.channels import PER_CHANNEL
from relay.settings.schema import Settings

ROOT: Final = Path(__file__).parents[2]
_TABLE: Final = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- /settings -->)", re.DOTALL)


def needed() -> list[str]:
    """What nobody can leave out: what has no default, and where the Kit account is."""
    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    return [name for name in Settings.model_fields if name in required | {"kit_region"}]


def short_table() -> str:
    """Those, with their description."""
    lines = ["| setting | what it is |", "|---|---|"]
    lines += [f"| `{name.upper()}` | {_words(name)} |" for name in needed()]
    return "\n".join(lines)


def full_table() -> str:
    """The same, and whether a channel of `relay.toml` may have one to itself."""
    lines = ["| setting | default | whose | what it is |", "|---|---|---|---|"]
    for name in Settings.model_fields:
        whose = "a channel's" if name in PER_CHANNEL else "the relay's"
        lines.append(f"| `{name.upper()}` | {_default(name)} | {whose} | {_words(name)} |")
    return "\n".join(lines)


PAGES: Final = {ROOT / "README.md": short_table, ROOT / "docs" / "settings.md": full_table}


def page(path: Path) -> str:
    """The page at `path` with its table made anew."""
    text = path.read_text(encoding="utf-8")
    table = PAGES[path]()
    return _TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if default is PydanticUndefined:
        return "**required**"
    shown = str(default).lower() if isinstance(default, bool) else default
    return "none" if default is None or default == "" else f"`{shown}`"


def _words(name: str) -> str:
    return str(Settings.model_fields[name].description)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path), encoding="utf-8")
