"""`python -m tests.bench`: the relay beside the one that one writes in an afternoon, on this machine, in one run.

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
from tests.bench.contender import NAMES, Name
from tests.bench.scenarios import Outcome
from tests.bench.table import broken, render

_LATENCIES = (0.0, 0.02, 0.1)  #: Seconds that Kit takes.


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what is measured."""

    runs: int
    updates: int
    chats: int
    callbacks: int
    latencies: tuple[float, ...]
    settle: float  #: Seconds before memory at rest is read.
    only: str | None

    def quick(self) -> "Plan":
        """The same, only to see that it works."""
        return Plan(1, 2_000, self.chats, 200, _LATENCIES[:1], 0.2, self.only)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table."""

    title: str
    run: Callable[[Name, Path], Awaitable[Outcome]]


@click.command()
@click.option("--runs", default=3, show_default=True, help="How often; figures are medians.")
@click.option("--updates", default=20_000, show_default=True, help="Customers' messages that wait at the start.")
@click.option("--chats", default=scenarios.CLIENTS, show_default=True, help="Chats that they come from.")
@click.option("--callbacks", default=3_000, show_default=True, help="Agents' messages.")
@click.option("--only", type=click.Choice(["mapping", "inbound", "callbacks", "start"]), help="One scenario.")
@click.option("--quick", is_flag=True, help="A small run, to see that it works. Its figures say nothing.")
def main(*, runs: int, updates: int, chats: int, callbacks: int, only: str | None, quick: bool) -> None:
    """Measure the relay (ours) beside the relay that one writes in an afternoon (naive)."""
    plan = Plan(runs, updates, chats, callbacks, _LATENCIES, 3.0, only)
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
        click.echo("\n" + mapping.table(plan.runs))
    wrong = []
    for scenario in _scenarios(plan):
        outcomes: dict[Name, list[Outcome]] = {name: [] for name in NAMES}
        for number in range(plan.runs):
            for name in NAMES if number % 2 == 0 else reversed(NAMES):
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
    if plan.only in (None, "inbound"):
        for latency in plan.latencies:
            yield Scenario(
                f"{plan.updates:,} updates of {plan.chats} chats wait, Kit answers after {latency * 1000:.0f} ms",
                partial(scenarios.inbound, updates=plan.updates, chats=plan.chats, latency=latency),
            )
    if plan.only in (None, "callbacks"):
        yield Scenario(
            f"{plan.callbacks:,} callbacks for {scenarios.CLIENTS} clients, {scenarios.CONCURRENCY} at the same time,"
            f" Telegram answers after {scenarios.TELEGRAM_LATENCY * 1000:.0f} ms",
            partial(scenarios.callbacks, count=plan.callbacks),
        )
    if plan.only in (None, "start"):
        yield Scenario("Start", partial(scenarios.start, settle=plan.settle))


if __name__ == "__main__":
    main()
