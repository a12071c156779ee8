"""What anybody can ask a relay over HTTP, whether it runs in this process or in one of its own."""

import json
from dataclasses import dataclass, fields

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from relay.model import Direction
from tests.waiting import eventually


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of the letters of one direction, as `/metrics` says."""

    received: int
    delivered: int
    waiting: int
    dead: int
    declined: int
    revived: int = 0  #: Dead letters that were retried: dead and, again, something else.

    @property
    def unaccounted(self) -> int:
        """Letters of which nobody knows what became: never anything but 0."""
        return self.received + self.revived - self.delivered - self.waiting - self.dead - self.declined


@dataclass(frozen=True, slots=True)
class Readiness:
    """What `/readyz` says."""

    status: int
    reasons: dict[str, str]  #: By check, those that are well too.
    unwell: frozenset[str]  #: Checks that are not well.


class Doors:
    """The two ports of a relay."""

    port: int
    admin_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, *, admin: bool = True) -> tuple[int, str]:
        """Ask the internal (or the public) port; (0, "") when nobody answers."""
        port = self.admin_port if admin else self.port
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
                return response.status, await response.text()
        except aiohttp.ClientError:
            return 0, ""

    async def readiness(self) -> Readiness:
        status, body = await self.get("/readyz")
        checks = json.loads(body)["checks"]
        return Readiness(
            status,
            {name: check["reason"] for name, check in checks.items()},
            frozenset(name for name, check in checks.items() if not check["ok"]),
        )

    async def ready(self, *, within: float = 90.0) -> None:
        """Return once `/readyz` answers 200."""

        async def answers() -> bool:
            return (await self.get("/readyz"))[0] == 200

        await eventually(answers, within=within)

    async def unready(self, check: str, *, within: float = 90.0) -> str:
        """Return the reason as soon as `/readyz` answers 503 because of this check."""
        seen = await self.readiness()

        async def unwell() -> bool:
            nonlocal seen
            seen = await self.readiness()
            return check in seen.unwell

        await eventually(unwell, within=within)
        assert seen.status == 503
        return seen.reasons[check]

    async def metric(self, sample: str, **labels: str) -> float:
        """A sample of `/metrics`, added up over those that have these labels; 0 without any."""
        families = text_string_to_metric_families((await self.get("/metrics"))[1])
        return sum(
            found.value
            for family in families
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    async def shows(self, sample: str, value: float, *, within: float = 90.0, **labels: str) -> None:
        """Return once the sample has this value."""

        async def has() -> bool:
            return await self.metric(sample, **labels) == value

        await eventually(has, within=within)

    async def figures(self, direction: Direction, channel: str | None = None) -> Figures:
        return (await self.all_figures(channel))[direction]

    async def all_figures(self, channel: str | None = None) -> dict[Direction, Figures]:
        """Both directions (of one channel, if it is named), from one look at `/metrics`: they belong together."""
        status, text = await self.get("/metrics")
        assert status == 200, status
        values = {
            (found.labels.get("direction"), found.name.removeprefix("relay_").removesuffix("_total")): int(found.value)
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if "outcome" not in found.labels and channel in {None, found.labels.get("channel")}
        }
        directions: tuple[Direction, ...] = ("to_kit", "to_telegram")
        return {
            direction: Figures(*(values.get((direction, field.name), 0) for field in fields(Figures)))
            for direction in directions
        }

    async def settled(self, direction: Direction, *, within: float = 90.0, channel: str | None = None) -> Figures:
        """The figures once nothing waits any more."""
        figures = await self.figures(direction, channel)

        async def nothing_waits() -> bool:
            nonlocal figures
            figures = await self.figures(direction, channel)
            return figures.waiting == 0

        await eventually(nothing_waits, within=within)
        return figures
