"""Where the relay that is set up will be."""

from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import free_port


@pytest.fixture
def port(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> int:
    """What no question asks for: where Telegram is, and where the relay listens."""
    number = free_port()
    kit.callbacks.url = f"http://127.0.0.1:{number}/kit/callback"
    (tmp_path / ".env").write_text(f"# mine\nTELEGRAM_API_URL={telegram.url}\nRELAY_PORT={number}\n")
    return number
