"""Health and metrics. `/healthz` says that the process lives; `/readyz` whether it does its work, with reasons."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from relay.errors import Unavailable
from relay.monitoring.health import Watched, look
from relay.monitoring.metrics import Metrics
from relay.store.store import Store


@dataclass(frozen=True, slots=True)
class Admin:
    """The handlers of the internal port."""

    channels: Sequence[Watched]
    store: Store
    metrics: Metrics

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/healthz", healthz)
        app.router.add_get("/readyz", self.readyz)
        app.router.add_get("/metrics", self.render_metrics)

    async def readyz(self, _request: web.Request) -> web.Response:
        """200 when every check is well, else 503; the reasons as JSON either way."""
        health = await look(self.channels, self.store)
        body = {
            "ready": health.ready,
            "checks": {name: {"ok": check.ok, "reason": check.reason} for name, check in health.checks.items()},
            "warnings": health.warnings,
            "relay": next((each.name for each in self.store.members if each.is_me), None),
        }
        return web.json_response(body, status=200 if health.ready else 503)

    async def render_metrics(self, _request: web.Request) -> web.Response:
        """The Prometheus exposition, https://prometheus.io/docs/instrumenting/exposition_formats/."""
        try:
            counted = await asyncio.gather(*(self.store.count(each.key) for each in self.channels))
        except Unavailable:
            return web.Response(status=503, text="the database does not answer")
        counts = {each.label: counts for each, counts in zip(self.channels, counted, strict=True)}
        health = await look(self.channels, self.store)
        checks = {name: check.ok for name, check in health.checks.items()}
        body = self.metrics.render(counts, checks, self.store.now(), self.store.members)
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=1.0.0; charset=utf-8"})


async def healthz(_request: web.Request) -> web.Response:
    """The event loop turns."""
    return web.Response(text="OK")
