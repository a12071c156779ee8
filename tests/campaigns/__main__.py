"""`python -m tests.campaigns`: the short form of each campaign, with its seconds; those that mostly wait, two by two.

`python -m tests.campaigns kills drain` runs some of them. A campaign is a module with a command line of its own, whose
exit code says whether everything held, and whose last line says what was seen; its long form is that command with other
arguments. To have another one run in `.ci/run`, add its line to CAMPAIGNS.
"""

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

#: Seconds for all short forms together.
BUDGET: Final = 420.0


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's short form."""

    module: str
    arguments: str
    promise: str  #: What it looks at, in a line.
    beside: bool = False  #: It mostly waits, and is patient: another one may run at the same time.

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        return self.module.rpartition(".")[2]


CAMPAIGNS: Final = (
    Campaign(
        "tests.campaigns.kills", "--kills 25 --seed 7 --share 0.3", "kill -9 at whatever the relay does loses nothing"
    ),
    Campaign(
        "tests.campaigns.points",
        "--every 250",
        "an end, a bad disk, a power cut at any write leaves nothing half done and nothing untrue",
    ),
    Campaign(
        "tests.campaigns.torn", "--every 70", "an answer that is cut off at any byte loses and turns round nothing"
    ),
    Campaign("tests.campaigns.soak", "--seconds 10", "nothing that is asked of it makes the relay grow", beside=True),
    Campaign(
        "tests.campaigns.teeth", "--turn 0", "the ledger of all campaigns finds a promise that is broken on purpose"
    ),
    Campaign(
        "tests.campaigns.drain",
        "--replies 200 --clients 60 --rows 2 --row 7 --every 0.7",
        "a backlog leaves at Telegram's pace, and who is alone waits for nobody",
    ),
    Campaign(
        "tests.campaigns.isolation",
        "--rounds 1 --seconds 2 --retry-after 2",
        "a chat that is told to wait waits alone; slow files wait alone",
    ),
    Campaign("tests.campaigns.backup", "--rounds 1 --megabytes 64 --calm 2", "a backup beside messages is a good one"),
    Campaign("tests.simulation", "--seconds 10", "worlds in which everything goes wrong lose and turn round nothing"),
    Campaign(
        "tests.campaigns.erase",
        "--rows 10000 --kills 2",
        "a customer is erased to the last byte, whatever kills the relay meanwhile, and others hardly wait",
    ),
    Campaign("tests.campaigns.attacks", "", "of what strangers, customers, agents and files try nothing gets through"),
    Campaign("tests.campaigns.confinement", "--rounds 3", "a child that was taken over can reach nothing"),
    Campaign(
        "tests.campaigns.hanging",
        "--chats 60 --calm 2 --seconds 7",
        "chats that hang on either side take neither places nor turns from others",
    ),
    Campaign(
        "tests.campaigns.suspects",
        "--killer to_telegram --late 3 --restarts 1",
        "the message that kills is found out, and no death and no stop costs anybody else anything",
        beside=True,
    ),
    Campaign(
        "tests.campaigns.faults",
        "kit-refuses-all telegram-cut --seconds 4 --calm 2 --together 2",
        "a side that fails, refuses or is away buries nothing of others, and is well again within seconds",
        beside=True,
    ),
    Campaign("tests.campaigns.sweep", "--updates 1000", "of what customers write every word and file arrives"),
    Campaign(
        "tests.campaigns.badday",
        "salt blocked poison --within 60",
        "of a wrong salt, a customer who blocks and an update that nobody can read a person knows within a minute",
        beside=True,
    ),
    Campaign("tests.campaigns.files", "--slow-megabytes 1", "agents' files at failing servers hold up no words"),
    Campaign(
        "tests.campaigns.replicas",
        "--kills 2 --clocks 3600",
        "of relays on one PostgreSQL, by clocks of their own, one is killed, and the others go on",
    ),
    Campaign(
        "tests.campaigns.recovery",
        "server-restarted connections-exhausted killed-again --rate 10 --seconds 3 --within 5",
        "on a PostgreSQL that restarts or takes nobody in, and through kills, as much arrives as before, and all of it",
        beside=True,
    ),
    Campaign("tests.bench", "--quick --beside bare --only inbound", "what is measured loses nothing"),
)


def run(campaign: Campaign, limit: float) -> tuple[bool, str]:
    """Whether everything held within so many seconds, and what the campaign said."""
    command = [sys.executable, "-m", campaign.module, *campaign.arguments.split()]
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout
        return False, f"{said or ''}\nnot done within {limit:.0f} s"
    return done.returncode == 0, done.stdout


def reported(campaign: Campaign, began: float) -> bool:
    """Whether everything held in what is left of the time for all, of which a report is printed."""
    started = time.monotonic()
    held, said = run(campaign, max(1.0, began + BUDGET - started))
    took = time.monotonic() - started
    verdict = f"{campaign.name}: {campaign.promise}: {'held' if held else 'BROKEN'}, {took:.0f} s"
    print(verdict, said.strip().splitlines()[-1] if held else said, sep="\n", flush=True)  # noqa: T201 - a report
    return held


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    names = [campaign.name for campaign in CAMPAIGNS]
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=f"one of {', '.join(names)}; all without any")
    wanted = parser.parse_args().campaigns or names
    if unknown := set(wanted) - set(names):
        parser.error(f"no campaign {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    began = time.monotonic()
    chosen = [campaign for campaign in CAMPAIGNS if campaign.name in wanted]
    broken = [each.name for each in chosen if not each.beside and not reported(each, began)]
    two = [campaign for campaign in chosen if campaign.beside]
    with ThreadPoolExecutor(2) as pool:
        held = pool.map(lambda campaign: reported(campaign, began), two)
        broken += [campaign.name for campaign, well in zip(two, held, strict=True) if not well]
    total = time.monotonic() - began
    print(f"{len(chosen)} campaigns in {total:.0f} s, broken: {', '.join(broken) or 'none'}")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
