"""What `relay setup` finds in the files that are there."""

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
