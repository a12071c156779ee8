"""Who is called: a receiver of the relay's own alerts, and a Prometheus with the rules that the project ships."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from relay.web.serving import serve
from tests.e2e.process import free_port

DEPLOY: Final = Path(__file__).parents[3] / "deploy"
#: Signs the alerts; whether it is right is a test's business.
SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@dataclass
class Calls:
    """Alerts that came, by the path that they came to."""

    port: int
    got: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        """An alert."""
        async with self._changed:
            self.got.setdefault(request.match_info["name"], []).append(json.loads(await request.read()))
            self._changed.notify_all()
        return web.Response(status=204)

    def settings(self, name: str) -> dict[str, str]:
        """What makes a relay call here."""
        return {"RELAY_ALERT_URL": f"http://127.0.0.1:{self.port}/{name}", "RELAY_ALERT_SECRET": SECRET}

    async def first(self, name: str, kind: str) -> str:
        """The words of the first alert of this kind."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._of(name, kind))
            return self._of(name, kind)[0]

    def _of(self, name: str, kind: str) -> list[str]:
        told = [each["data"] for each in self.got.get(name, ()) if each["type"] == "alert.raised"]
        return [str(data["text"]) for data in told if data["kind"] == kind]


@asynccontextmanager
async def receiver() -> AsyncIterator[Calls]:
    """One for all relays."""
    calls, app = Calls(free_port()), web.Application()
    app.router.add_post("/{name}", calls.take)
    async with serve(app, "127.0.0.1", calls.port):
        yield calls


@asynccontextmanager
async def prometheus(home: Path, admin_port: int) -> AsyncIterator[str]:
    """A real one, with the project's own configuration and rules, that looks at a relay: its address."""
    config = (DEPLOY / "prometheus.yml").read_text()
    config = re.sub(r"/etc/prometheus/alerts.yml", str(DEPLOY / "alerts.yml"), config)
    (home / "prometheus.yml").write_text(config.replace("relay:8081", f"127.0.0.1:{admin_port}"))
    port = free_port()
    with (home / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def firing(url: str, alarm: str) -> str:
    """The words of an alarm of Prometheus, once it fires."""
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/api/v1/alerts") as response:
                    alerts = (await response.json())["data"]["alerts"]
            except aiohttp.ClientError:
                alerts = []
            for alert in alerts:
                if alert["labels"]["alertname"] == alarm and alert["state"] == "firing":
                    return f"Prometheus, {alarm}: {alert['annotations'].get('summary', '')}"
            await asyncio.sleep(1)


class Stopwatch:
    """Seconds since something broke."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Until now."""
        return time.monotonic() - self._began
