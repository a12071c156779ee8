"""What `relay check` says of a webhook."""

from typing import Any

import pytest
from pydantic import SecretStr

from relay.doctor.finding import Finding
from relay.doctor.telegram import check_bot
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.settings.schema import Settings

OURS = "https://relay.example.com/telegram/webhook"


def settings(telegram: TelegramLookAlike, mode: str) -> Settings:
    values: dict[str, Any] = {
        "telegram_bot_token": SecretStr(telegram.token),
        "telegram_api_url": telegram.url,
        "telegram_mode": mode,
        "telegram_webhook_secret": SecretStr("s" * 32),
        "kit_region": "eu",
        "kit_domain": "acme",
        "kit_api_token": SecretStr("token"),
        "kit_channel_uuid": "1b9d",
        "kit_security_salt": SecretStr("salt"),
        "relay_public_url": "https://relay.example.com",
    }
    return Settings.model_validate(values)


async def updates(telegram: TelegramLookAlike, mode: str) -> Finding:
    _, finding = await check_bot(settings(telegram, mode), OURS)
    return finding


@pytest.mark.parametrize(
    ("mode", "url", "verdict", "words"),
    [
        ("polling", "", "well", "no webhook is in the way"),
        ("polling", OURS, "well", "gives up its webhook"),
        ("polling", "https://other.example/x", "wrong", "another program"),
        ("webhook", "", "wrong", "nowhere yet"),
        ("webhook", OURS, "well", "Telegram brings them"),
        ("webhook", "https://other.example/x", "wrong", "another address"),
    ],
)
async def test_whose_webhook_it_is_decides(
    telegram: TelegramLookAlike, mode: str, url: str, verdict: str, words: str
) -> None:
    """A webhook that is ours is well in its mode; another one takes the updates away."""
    telegram.administration.perform("setWebhook", {"url": url})
    finding = await updates(telegram, mode)
    assert (finding.verdict, words in finding.line) == (verdict, True)


async def test_what_telegram_says_of_it_is_said(telegram: TelegramLookAlike) -> None:
    """When Telegram cannot bring what waits, its reason is said, and where to look."""
    telegram.administration.perform("setWebhook", {"url": OURS})
    telegram.webhooks.last_error = {"last_error_message": "SSL error {certificate verify failed}"}
    telegram.customer().writes("hello")
    finding = await updates(telegram, "webhook")
    assert finding.verdict == "wrong"
    assert "certificate verify failed" in finding.line
    assert "RELAY_PUBLIC_URL" in str(finding)
