"""`python -m tests.bench`: the relay beside others that promise less, on this machine, in one run.

Exit code 1: our relay lost, repeated, reordered or forgot something.
"""

import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from tests.bench import docs, growth, mapping, postgresql, scenarios
from tests.bench.before import checkout
from tests.bench.contender import NAMES, Name
from tests.bench.place import ENGINES
from tests.bench.scenarios import Outcome
from tests.bench.table import broken, render

_LATENCIES = (0.0, 0.02, 0.1)  #: Seconds that Kit takes.
_TELEGRAM_LATENCIES = (0.0, 0.05)  #: Seconds that Telegram takes.
PARTS = ("mapping", "light", "inbound", "callbacks", "start", "growth", "postgresql")
_SHORT = 3  #: Runs, on the page, of the naive relay and of starts.
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
    rows: int  #: What a database holds that has grown.
    only: str | None
    names: tuple[Name, ...]
    writes_docs: bool = False

    def quick(self) -> "Plan":
        """The same, only to see that it works."""
        plan = replace(self, runs=1, updates=2_000, callbacks=200, latencies=_LATENCIES[:1], rows=5_000)
        return replace(plan, settle=0.2, light=1.0, writes_docs=False)

    def for_docs(self) -> "Plan":
        """The same for the page: each run short. All takes some eight minutes, growth and postgresql five each."""
        if self.only in ("growth", "postgresql"):
            return replace(self, runs=min(self.runs, _SHORT), updates=6_000, writes_docs=True)
        return replace(self, updates=4_000, callbacks=800, light=3.0, settle=1.0, writes_docs=True)

    def runs_of(self, scenario: "Scenario", name: Name) -> int:
        """How often somebody runs. On the page, what differs little or is slow makes nobody wait for long."""
        if scenario.ours_alone:
            return 1
        is_short = self.writes_docs and (name == "naive" or scenario.part == "start")
        return min(self.runs, _SHORT) if is_short else self.runs


@dataclass(frozen=True, slots=True)
class Scenario:
    """One table."""

    part: str
    title: str
    run: Callable[[Name, Path], Awaitable[Outcome]]
    ours_alone: bool = False  #: Nobody else has anything to show.


@click.command()
@click.option("--runs", default=5, show_default=True, help="How often; figures are medians.")
@click.option("--updates", default=20_000, show_default=True, help="Customers' messages that wait at the start.")
@click.option("--chats", default=scenarios.CLIENTS, show_default=True, help="Chats that they come from.")
@click.option("--callbacks", default=3_000, show_default=True, help="Agents' messages.")
@click.option("--rows", default=1_000_000, show_default=True, help="Delivered messages of a database that has grown.")
@click.option(
    "--only", type=click.Choice(PARTS), help="One part. Without it: all but growth and postgresql, which take minutes."
)
@click.option("--beside", "names", type=click.Choice(["reference", "bare", "naive"]), multiple=True, help="Only these.")
@click.option("--before", metavar="COMMIT", help="Measure the relay at this commit beside it, and nobody else.")
@click.option(
    "--write-docs", is_flag=True, help="Short runs, about eight minutes, into the tables of docs/performance.md."
)
@click.option("--quick", is_flag=True, help="A small run, to see that it works. Its figures say nothing.")
def main(
    *,
    runs: int,
    updates: int,
    chats: int,
    callbacks: int,
    rows: int,
    only: str | None,
    names: tuple[Name, ...],
    before: str | None,
    write_docs: bool,
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
    plan = Plan(runs, updates, chats, callbacks, _LATENCIES, 3.0, 10.0, rows, only, beside)
    plan = plan.for_docs() if write_docs else plan
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
    wrong, pages = [], dict[str, list[str]]()
    for scenario in _scenarios(plan):
        names: tuple[Name, ...] = ("ours",) if scenario.ours_alone else plan.names
        outcomes: dict[Name, list[Outcome]] = {name: [] for name in names}
        for number in range(plan.runs):
            for name in names if number % 2 == 0 else reversed(names):
                if number < plan.runs_of(scenario, name):
                    outcomes[name].append(await _once(scenario, name))
        click.echo("\n" + render(scenario.title, outcomes))
        wrong += broken(scenario.title, outcomes)
        page = pages.setdefault(scenario.part, [_conditions(plan, load)])
        page += ["", *docs.table(scenario.title, outcomes)]
        if plan.writes_docs:
            docs.write(scenario.part, page)
    return wrong


def _conditions(plan: Plan, load: float) -> str:
    today = datetime.now(UTC).date().isoformat()
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, {today}, load average {load:.1f} before the"
        f" start; medians of {plan.runs} runs ({min(plan.runs, _SHORT)} of naive and of starts), alternating."
    )


async def _once(scenario: Scenario, name: Name) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as home:
        outcome = await scenario.run(name, Path(home))
    figure, value = next(iter(outcome.figures.items()))
    click.echo(f"... {scenario.title}, {name}: {value:,.2f} {figure}", err=True)
    return outcome


def _scenarios(plan: Plan) -> Iterator[Scenario]:
    if plan.only in (None, "light"):
        yield Scenario(
            "light",
            f"{_LIGHT} messages a second each way at once",
            partial(scenarios.light, rate=_LIGHT, seconds=plan.light),
        )
    if plan.only in (None, "inbound"):
        for latency in plan.latencies:
            yield Scenario(
                "inbound",
                f"{plan.updates:,} updates of {plan.chats} chats wait, Kit answers after {latency * 1000:.0f} ms",
                partial(scenarios.inbound, updates=plan.updates, chats=plan.chats, latency=latency),
            )
        yield Scenario(
            "inbound",
            f"{plan.updates // 2:,} updates of {plan.chats} chats wait, over TLS",
            partial(scenarios.inbound, updates=plan.updates // 2, chats=plan.chats, latency=0.0, tls=True),
        )
    if plan.only in (None, "callbacks"):
        for latency in _TELEGRAM_LATENCIES:
            yield Scenario(
                "callbacks",
                f"{plan.callbacks:,} callbacks for {scenarios.CLIENTS} clients, {scenarios.CONCURRENCY} at once,"
                f" Telegram answers after {latency * 1000:.0f} ms",
                partial(scenarios.callbacks, count=plan.callbacks, latency=latency),
            )
    if plan.only in (None, "start"):
        yield Scenario("start", "Start, and at rest", partial(scenarios.start, settle=plan.settle))
    if plan.only == "growth":
        yield from _growth(plan)
    if plan.only == "postgresql":
        yield from _postgresql(plan)


def _postgresql(plan: Plan) -> Iterator[Scenario]:
    yield Scenario(
        "postgresql",
        f"{plan.updates:,} updates and {plan.callbacks:,} callbacks, one relay on either database",
        partial(postgresql.engines, runs=plan.runs, updates=plan.updates, callbacks=plan.callbacks),
        ours_alone=True,
    )
    yield Scenario(
        "postgresql",
        f"{plan.callbacks:,} callbacks, one relay and several, each with {postgresql.CORES} of a core",
        partial(postgresql.replicas, runs=plan.runs, callbacks=plan.callbacks),
        ours_alone=True,
    )
    yield Scenario(
        "postgresql",
        f"{plan.rows:,} letters move from SQLite to PostgreSQL, killed in the middle",
        partial(postgresql.moving, rows=plan.rows),
        ours_alone=True,
    )


def _growth(plan: Plan) -> Iterator[Scenario]:
    updates, chats = min(plan.updates, 6_000), max(1_000, plan.rows // 10)
    for engine in ENGINES:
        yield Scenario(
            "growth",
            f"{engine}: {plan.rows:,} delivered messages beside an empty store, {updates:,} updates wait",
            partial(growth.delivered, engine=engine, runs=plan.runs, rows=plan.rows, updates=updates),
            ours_alone=True,
        )
        yield Scenario(
            "growth",
            f"{engine}: {chats:,} chats that wait beside 100",
            partial(growth.waiting, engine=engine, runs=plan.runs, chats=chats),
            ours_alone=True,
        )
        yield Scenario(
            "growth",
            f"{engine}: retention of {plan.rows:,} messages beside {growth.RATE} messages a second",
            partial(growth.retention, engine=engine, rows=plan.rows),
            ours_alone=True,
        )


if __name__ == "__main__":
    main()
