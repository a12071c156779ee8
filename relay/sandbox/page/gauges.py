"""What the relay says of itself on its internal port, as an operator would read it."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

DIRECTIONS: Final[tuple[Literal["to_kit", "to_telegram"], ...]] = ("to_kit", "to_telegram")
_PATIENCE = aiohttp.ClientTimeout(total=3)
_COUNTED = {
    "relay_received_total": "received",
    "relay_delivered_total": "delivered",
    "relay_dead_total": "dead",
    "relay_declined_total": "declined",
    "relay_revived_total": "revived",
    "relay_dropped_total": "dropped",
    "relay_waiting": "waiting",
    "relay_oldest_waiting_seconds": "oldest",
    "relay_side_down": "down",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One look. It answers nothing while the relay is down: then `fresh` is false and the figures are the last ones."""

    asked_at: float = 0.0  #: Monotonic, before the question: what had happened by then is in it.
    fresh: bool = False
    directions: dict[str, dict[str, int]] = field(default_factory=dict)
    checks: dict[str, dict[str, Any]] = field(default_factory=dict)  #: `/readyz`: {"ok", "reason"} by name.

    def waiting(self, direction: str) -> int:
        """How many deliveries wait."""
        return self.directions.get(direction, {}).get("waiting", 0)

    def lying(self, direction: str) -> int:
        """How many dead letters lie there: neither retried nor dropped."""
        figures = self.directions.get(direction, {})
        return figures.get("dead", 0) - figures.get("revived", 0) - figures.get("dropped", 0)


async def look(session: aiohttp.ClientSession, url: str, before: Reading) -> Reading:
    """Ask `/metrics` and `/readyz` at `url`."""
    asked_at = time.monotonic()
    try:
        metrics, readiness = await asyncio.gather(_get(session, f"{url}/metrics"), _get(session, f"{url}/readyz"))
        families = text_string_to_metric_families(metrics)
        directions = count(sample for family in families for sample in family.samples)
        checks = json.loads(readiness)["checks"]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError):
        return Reading(before.asked_at, fresh=False, directions=before.directions, checks={})
    return Reading(asked_at, fresh=True, directions=directions, checks=checks)


def count(samples: Iterable[Sample]) -> dict[str, dict[str, int]]:
    """The figures of each direction, all channels together."""
    found: dict[str, dict[str, int]] = {direction: dict.fromkeys(_COUNTED.values(), 0) for direction in DIRECTIONS}
    for sample in samples:
        name, direction = _COUNTED.get(sample.name), sample.labels.get("direction", "")
        if name is not None and direction in found:
            value = int(sample.value)
            found[direction][name] = (
                max(found[direction][name], value) if name == "oldest" else (found[direction][name] + value)
            )
    return found


async def _get(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url, timeout=_PATIENCE) as answer:
        if answer.status not in (200, 503):
            raise ValueError(answer.status)
        return await answer.text()
