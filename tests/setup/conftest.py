"""Where the relay that is set up will be."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import free_port


@pytest.fixture(autouse=True)
def log_of_others() -> Iterator[None]:
    """`relay setup` silences the log of its process, which here goes on with other tests."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def variables(telegram: TelegramLookAlike, kit: KitLookAlike, port: int) -> dict[str, str]:
    """The right answers, as a script gives them."""
    return {
        "TELEGRAM_BOT_TOKEN": telegram.token,
        "RELAY_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "KIT_API_URL": kit.url,
        "KIT_DOMAIN": kit.domain,
        "KIT_API_TOKEN": kit.api_token,
        "KIT_SECURITY_SALT": kit.salt,
        "KIT_CHANNEL_UUID": kit.channel_uuid,
    }


@pytest.fixture
def port(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> int:
    """What no question asks for: where Telegram is, and where the relay listens."""
    number = free_port()
    kit.callbacks.url = f"http://127.0.0.1:{number}/kit/callback"
    (tmp_path / ".env").write_text(f"# mine\nTELEGRAM_API_URL={telegram.url}\nRELAY_PORT={number}\n")
    return number
