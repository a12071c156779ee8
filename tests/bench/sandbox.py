"""The look-alikes in a process of their own, so that their work is nobody's figure, driven by their control API."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp

Side = Literal["telegram", "kit"]
_PATIENCE = aiohttp.ClientTimeout(total=None)  # a load of callbacks answers when it is over


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A Telegram and a Kit that nobody has used yet."""

    telegram: dict[str, Any]  #: url, token
    kit: dict[str, Any]  #: url, domain, api_token, channel_uuid, salt
    session: aiohttp.ClientSession
    seen: Mapping[Side, str]  #: Where a contender finds them.

    async def get(self, side: Side, what: str = "stats") -> Any:
        """What a look-alike says of itself."""
        async with self.session.get(self._url(side, what)) as response:
            response.raise_for_status()
            return await response.json()

    async def post(self, side: Side, what: str, **order: object) -> Any:
        """Order something: backlog, callbacks or faults."""
        async with self.session.post(self._url(side, what), json=order) as response:
            response.raise_for_status()
            return await response.json()

    async def customer_writes(self, user_id: int, number: int) -> None:
        """A customer writes a text that says which one it is and when it was written."""
        text = f"{number}@{time.monotonic():.6f}"
        url = f"{self.telegram['url']}/sandbox/customers/{user_id}/messages"
        async with self.session.post(url, json={"text": text}) as response:
            response.raise_for_status()

    async def agent_writes(self, client_id: int, number: int) -> None:
        """An agent writes one."""
        text = f"{number}@{time.monotonic():.6f}"
        url = f"{self.kit['url']}/sandbox/agents/{client_id}/messages"
        async with self.session.post(url, json={"text": text}) as response:
            response.raise_for_status()

    def _url(self, side: Side, what: str) -> str:
        return f"{getattr(self, side)['url']}/sandbox/{what}"


@asynccontextmanager
async def open_sandbox(callback_port: int, *, tls: bool = False) -> AsyncIterator[Sandbox]:
    """Start both, for contenders behind TLS if so wished; Kit calls back on this port."""
    callback_url = f"http://127.0.0.1:{callback_port}/kit/callback"
    async with AsyncExitStack() as stack:
        module = ("relay.sandbox", "--no-limits", "--callback-url", callback_url)
        said = await stack.enter_async_context(_started(*module))
        urls: dict[Side, str] = {"telegram": said["telegram"]["url"], "kit": said["kit"]["url"]}
        if tls:
            ports = [url.rpartition(":")[2] for url in urls.values()]
            fronts = await stack.enter_async_context(_started("tests.bench.tls", *ports))
            urls = {side: f"https://127.0.0.1:{port}" for side, port in zip(urls, fronts, strict=True)}
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=_PATIENCE))
        yield Sandbox(said["telegram"], said["kit"], session, urls)


@asynccontextmanager
async def _started(*module: str) -> AsyncIterator[Any]:
    """A process that says in its first line where it is found."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *module, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    finally:
        process.terminate()
        await process.wait()
