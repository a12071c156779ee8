"""Health and metrics. `/healthz` says that the process lives; `/readyz` whether it does its work, with reasons."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from relay.errors import Unavailable
from relay.monitoring.callbacks import health_of
from relay.monitoring.health import Check, Watched
from relay.monitoring.metrics import Metrics
from relay.store.callbacks import Callbacks
from relay.store.totals import Counts

#: Seconds that the oldest delivery may wait before somebody should look.
OLD = 300.0


@dataclass(frozen=True, slots=True)
class Admin:
    """The handlers of the internal port."""

    channels: Sequence[Watched]
    count: Callable[[str], Awaitable[Counts]]
    find_callbacks: Callable[[str], Awaitable[Callbacks]]
    metrics: Metrics

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/healthz", healthz)
        app.router.add_get("/readyz", self.readyz)
        app.router.add_get("/metrics", self.render_metrics)

    async def readyz(self, _request: web.Request) -> web.Response:
        """200 when every check is well, else 503; the reasons as JSON either way.

        A warning calls for a person and leaves the status alone: strangers can bring one about.
        """
        checks = {f"{each.prefix}{name}": check() for each in self.channels for name, check in each.sides.items()}
        warnings: dict[str, str] = {}
        try:
            async with asyncio.timeout(2.0):
                counts = await self._counts()
                warnings = await self._warnings()
            checks["database"] = Check(ok=True, reason="answers")
            now = time.time()
            checks |= {f"{each.prefix}oldest_waiting": _oldest(counts[each.label], now) for each in self.channels}
        except (TimeoutError, Unavailable):
            checks["database"] = Check(ok=False, reason="does not answer")
        ready = all(check.ok for check in checks.values())
        body = {
            "ready": ready,
            "checks": {name: {"ok": c.ok, "reason": c.reason} for name, c in checks.items()},
            "warnings": warnings,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def render_metrics(self, _request: web.Request) -> web.Response:
        """The Prometheus exposition, https://prometheus.io/docs/instrumenting/exposition_formats/."""
        try:
            counts = await self._counts()
        except Unavailable:
            return web.Response(status=503, text="the database does not answer")
        body = self.metrics.render(counts, time.time())
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=1.0.0; charset=utf-8"})

    async def _counts(self) -> dict[str, Counts]:
        counted = await asyncio.gather(*(self.count(each.key) for each in self.channels))
        return {each.label: counts for each, counts in zip(self.channels, counted, strict=True)}

    async def _warnings(self) -> dict[str, str]:
        warnings = {}
        for each in self.channels:
            health = health_of(await self.find_callbacks(each.key), time.time())
            if not health.ok:
                warnings[f"{each.prefix}callbacks"] = health.reason
        return warnings


async def healthz(_request: web.Request) -> web.Response:
    """The event loop turns."""
    return web.Response(text="OK")


def _oldest(counts: Counts, now: float) -> Check:
    if not counts.oldest:
        return Check(ok=True, reason="nothing waits")
    direction, since = min(counts.oldest.items(), key=lambda item: item[1])
    age = max(0.0, now - since)
    return Check(ok=age < OLD, reason=f"{direction} has waited {age:.0f} s, {counts.waiting[direction]} in all")
