"""Two channels in one relay: a bot and a Kit each, all four look-alikes in the test."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between

TOKENS: Final = {
    "support": "123456789:TEST-bot-token-AAE3x0nothing-to-steal",
    "sales": "987654321:TEST-bot-token-AAE3x0another-bot-000",
}
#: What a channel of the file must say for itself; everything else comes from the environment.
_CHANNEL: Final = """
[[channel]]
name = "{name}"
telegram_bot_token = "{telegram.token}"
telegram_api_url = "{telegram.url}"
kit_api_url = "{kit.url}"
kit_domain = "{kit.domain}"
kit_api_token = "{kit.api_token}"
kit_channel_uuid = "{kit.channel_uuid}"
kit_security_salt = "{kit.salt}"
{more}
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A bot and its Kit channel."""

    name: str
    telegram: TelegramLookAlike
    kit: KitLookAlike

    def table(self, more: str = "") -> str:
        """The channel's part of relay.toml."""
        return _CHANNEL.format(name=self.name, telegram=self.telegram, kit=self.kit, more=more)


@dataclass(frozen=True, slots=True)
class Several:
    """A relay with several channels."""

    relay: RelayProcess
    support: Pair
    sales: Pair


@asynccontextmanager
async def several_channels(home: Path, **settings: str) -> AsyncIterator[Several]:
    """A relay between two bots and two Kits, set up and not yet started; stopped at the end."""
    async with AsyncExitStack() as stack:
        pairs = []
        for name, token in TOKENS.items():
            telegram = await stack.enter_async_context(TelegramLookAlike(token, limits=False))
            kit = KitLookAlike(f"acme-{name}", f"api-token-of-{name}", f"uuid-{name}", f"salt-of-{name}")
            pairs.append(Pair(name, telegram, await stack.enter_async_context(kit)))
        support, sales = pairs
        relay = await stack.enter_async_context(relay_between(support.telegram, support.kit, home, **settings))
        hosts = ",".join(f"127.0.0.1:{pair.kit.server.port}" for pair in pairs)
        relay.environment["RELAY_TRUSTED_FILE_HOSTS"] = hosts
        for pair in pairs:
            pair.kit.callbacks.url = f"{relay.url}/kit/callback/{pair.name}"
        (home / "relay.toml").write_text("".join(pair.table() for pair in pairs))
        yield Several(relay, support, sales)
