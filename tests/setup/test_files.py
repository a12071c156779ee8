"""What `relay setup` finds in the files that are there."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from relay.setup.files import ChannelTable


def test_a_value_in_a_file_or_a_variable_is_known_above_the_channels_and_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the relay itself takes it; what cannot be read, and what is no setting, is not there."""
    (tmp_path / "address").write_text("https://relay.example.com\n")
    monkeypatch.setenv("SALES_SALT", "salt")
    config = tmp_path / "relay.toml"
    config.write_text(
        f'relay_public_url_file = "{tmp_path}/address"\nrelay_port = 8080\nnonsense = 3\n'
        '[[channel]]\nname = "sales"\nkit_domain = "acme"\n'
        'kit_security_salt_env = "SALES_SALT"\nkit_api_token_env = "NOT_SET"\n'
    )
    table = ChannelTable(config, "sales")
    assert table.shared() == {"relay_public_url": "https://relay.example.com", "relay_port": "8080"}
    assert table.known() == {"kit_domain": "acme", "kit_security_salt": "salt"}


@pytest.mark.parametrize("longest", [0, 40])
def test_a_file_that_finds_no_room_leaves_nothing(tmp_path: Path, longest: int) -> None:
    """Neither of the answers nor of the library that writes them: secrets are among these. What was there stays."""
    (tmp_path / ".env").write_text("# mine\n")
    code = (
        "from pathlib import Path; from relay.setup.files import EnvFile\n"
        "try: EnvFile(Path('.env')).write({'telegram_bot_token': 'secret ' * 20})\n"
        "except OSError: print('no room')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (longest, resource.RLIM_INFINITY)),
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout == "no room\n"
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {".env": "# mine\n"}
