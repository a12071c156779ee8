import re
from pathlib import Path

import pytest

from relay.settings.channels import load_channels
from relay.settings.schema import Settings
from tests.docs.settings import PAGES, ROOT, needed, page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_setting_stands_there_as_the_code_has_it(path: Path) -> None:
    """The table of settings is what `python -m tests.docs.settings` writes today."""
    assert path.read_text(encoding="utf-8") == page(path)


def test_the_readme_has_seven_settings_and_the_full_list_has_all() -> None:
    """A newcomer reads what must be set; everything else has a default, and stands in docs/settings.md."""
    readme, full = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/settings.md"))
    assert len(needed()) == 7
    shown = re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE)
    assert shown == [name.upper() for name in needed()]
    assert all(f"| `{name.upper()}` |" in full for name in Settings.model_fields)


def test_the_example_of_relay_toml_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/settings.md shows is read as it says, once its secrets are there."""
    lines = (ROOT / "docs" / "settings.md").read_text().splitlines()
    example = "\n".join(line.removeprefix("    ") for line in lines if line.startswith("    ") or not line)
    bots = {"support": "123456789", "sales": "987654321"}
    for name in ("support_bot_token", "support_api_token", "support_salt"):
        secret = f"{bots['support']}:AAE-abcdefghijklmnopqrstuvwxyz_0123" if "bot" in name else name
        (tmp_path / name).write_text(secret)
    monkeypatch.setenv("SALES_BOT_TOKEN", f"{bots['sales']}:AAE-abcdefghijklmnopqrstuvwxyz_0123")
    monkeypatch.setenv("SALES_API_TOKEN", "sales-api-token")
    monkeypatch.setenv("SALES_SALT", "sales-salt")
    (tmp_path / "relay.toml").write_text(example.replace("/run/secrets", str(tmp_path)).replace("…", "0"))
    support, sales = load_channels(None, tmp_path / "relay.toml")
    assert {support.name: support.key, sales.name: sales.key} == bots
    assert (support.callback_path, sales.settings.relay_agent_language) == ("/kit/callback/support", "es")
