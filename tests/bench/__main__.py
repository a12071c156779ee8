"""`python -m tests.bench`: the relay beside others that promise less, on this machine, in one run.

Exit code 1: our relay lost, repeated, reordered or forgot something.
"""

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from tests.bench import mapping, scenarios
from tests.bench.before import checkout
from tests.bench.contender import NAMES, Name
from tests.bench.scenarios import Outcome
from tests.bench.table import broken, render

_LATENCIES = (0.0, 0.02, 0.1)  #: Seconds that Kit takes.
_TELEGRAM_LATENCIES = (0.0, 0.05)  #: Seconds that Telegram takes.
_LIGHT = 50  #: Messages a second each way that are no load at all.


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what is measured."""

    runs: int
    updates: int
    chats: int
    callbacks: int
    latencies: tuple[float, ...]
    settle: float  #: Seconds before memory at rest is read.
    light: float  #: Seconds of light load.
    only: str | None
    names: tuple[Name, ...]

    def quick(self) -> "Plan":
        """The same, only to see that it works."""
        return Plan(1, 2_000, self.chats, 200, _LATENCIES[:1], 0.2, 1.0, self.only, self.names)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table."""

    title: str
    run: Callable[[Name, Path], Awaitable[Outcome]]


@click.command()
@click.option("--runs", default=5, show_default=True, help="How often; figures are medians.")
@click.option("--updates", default=20_000, show_default=True, help="Customers' messages that wait at the start.")
@click.option("--chats", default=scenarios.CLIENTS, show_default=True, help="Chats that they come from.")
@click.option("--callbacks", default=3_000, show_default=True, help="Agents' messages.")
@click.option("--only", type=click.Choice(["mapping", "light", "inbound", "callbacks", "start"]), help="One scenario.")
@click.option("--beside", "names", type=click.Choice(["reference", "bare", "naive"]), multiple=True, help="Only these.")
@click.option("--before", metavar="COMMIT", help="Measure the relay at this commit beside it, and nobody else.")
@click.option("--quick", is_flag=True, help="A small run, to see that it works. Its figures say nothing.")
def main(
    *,
    runs: int,
    updates: int,
    chats: int,
    callbacks: int,
    only: str | None,
    names: tuple[Name, ...],
    before: str | None,
    quick: bool,
) -> None:
    """Measure the relay (ours) beside others, alternating: in brackets ours as a multiple of theirs.

    reference promises the same and can nothing else; bare is the ceiling, raw aiohttp without any promise; naive is the
    relay that one writes in an afternoon.
    """
    beside: tuple[Name, ...] = ("ours", *names) if names else NAMES
    if before is not None:
        os.environ["RELAY_BENCH_BEFORE"] = str(checkout(before))
        beside = ("ours", "before")
    plan = Plan(runs, updates, chats, callbacks, _LATENCIES, 3.0, 10.0, only, beside)
    wrong = asyncio.run(_measure(plan.quick() if quick else plan))
    for line in wrong:
        click.echo(f"BROKEN  {line}")
    sys.exit(1 if wrong else 0)


async def _measure(plan: Plan) -> list[str]:
    """Run everything, print each table as it is complete. Returns our broken promises."""
    load = os.getloadavg()[0]
    click.echo(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, load average {load:.1f} before the start."
        f"\nMedians of {plan.runs} runs; of what must not happen, the worst run."
    )
    if plan.only in (None, "mapping"):
        click.echo("\n" + await mapping.table(plan.runs))
    wrong = []
    for scenario in _scenarios(plan):
        outcomes: dict[Name, list[Outcome]] = {name: [] for name in plan.names}
        for number in range(plan.runs):
            for name in plan.names if number % 2 == 0 else reversed(plan.names):
                outcomes[name].append(await _once(scenario, name))
        click.echo("\n" + render(scenario.title, outcomes))
        wrong += broken(scenario.title, outcomes)
    return wrong


async def _once(scenario: Scenario, name: Name) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as home:
        outcome = await scenario.run(name, Path(home))
    figure, value = next(iter(outcome.figures.items()))
    click.echo(f"... {scenario.title}, {name}: {value:,.2f} {figure}", err=True)
    return outcome


def _scenarios(plan: Plan) -> Iterator[Scenario]:
    if plan.only in (None, "light"):
        yield Scenario(
            f"{_LIGHT} messages a second each way at once",
            partial(scenarios.light, rate=_LIGHT, seconds=plan.light),
        )
    if plan.only in (None, "inbound"):
        for latency in plan.latencies:
            yield Scenario(
                f"{plan.updates:,} updates of {plan.chats} chats wait, Kit answers after {latency * 1000:.0f} ms",
                partial(scenarios.inbound, updates=plan.updates, chats=plan.chats, latency=latency),
            )
    if plan.only in (None, "callbacks"):
        for latency in _TELEGRAM_LATENCIES:
            yield Scenario(
                f"{plan.callbacks:,} callbacks for {scenarios.CLIENTS} clients, {scenarios.CONCURRENCY} at once,"
                f" Telegram answers after {latency * 1000:.0f} ms",
                partial(scenarios.callbacks, count=plan.callbacks, latency=latency),
            )
    if plan.only in (None, "start"):
        yield Scenario("Start", partial(scenarios.start, settle=plan.settle))


if __name__ == "__main__":
    main()
