"""`python -m tests.campaigns.erase`: a customer with 100,000 rows is erased while others talk, and killed at it.

Says how long the erasure took, and how long the others' messages took meanwhile. Then another such customer is erased
while the relay is killed again and again, each time at another moment: the next start goes on. At the end no row of
either is left, no byte of theirs stands in any file, and the others' ledger is drawn up. With `--postgresql` that one's
own files, where bytes stay (docs/privacy.md), are not looked at.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.campaigns.ledger import Verdict, by_customer, draw_up, engine_of
from tests.e2e.process import RelayProcess, command, relay_between
from tests.postgresql import empty_postgresql
from tests.waiting import eventually

FIRST: Final = 7_000_001  #: Of those who talk.
CHATS: Final = 20
LARGE: Final = (8_000_001, 8_000_002)  #: Whoever is erased calmly, and while the relay is killed.
CANARY: Final = "canary-of-somebody"
RATE: Final = 20.0  #: Messages a second.
CALM: Final = 3.0  #: Seconds.
ENOUGH: Final = 100_000  #: Rows from which on times say something.
LONGEST: Final = 5.0  #: Seconds for so many.
P95: Final = 0.05  #: Seconds; or half as much again as it was in the calm, on a machine that is slower than that.
_LETTERS: Final = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {letters})
    INSERT INTO inbox (channel, source, source_id, body, body_sha256, received_at, client_id)
    SELECT channel, 'telegram', '{client} ' || i, '{canary} ' || {noise}, '', {now}, client_id
    FROM n, client_link WHERE client_id = '{client}'
"""
_DELIVERIES: Final = """
    INSERT INTO outbox (channel, direction, lane_id, letter_id, body, status, accepted_at, settled_at, attempts)
    SELECT inbox.channel, 'to_kit', lane.id, inbox.id, inbox.body, 'delivered', {now}, {now}, 1
    FROM inbox JOIN lane ON lane.client_id = inbox.client_id AND lane.direction = 'to_kit'
    WHERE inbox.client_id = '{client}' AND inbox.source_id LIKE '{client} %'
"""
_COUNT: Final = """
    UPDATE tally SET total = total + {letters} WHERE direction = 'to_kit' AND outcome IN ('received', 'delivered')
    AND writer = (SELECT min(writer) FROM tally AS one WHERE one.direction = 'to_kit' AND one.outcome = tally.outcome)
"""
#: Words that say nothing, 400 letters: what SQLite and PostgreSQL make them of.
_NOISE: Final = {"sqlite": "hex(randomblob(200))", "postgresql": "repeat(md5(random()::text), 12)"}


@dataclass(slots=True)
class Erased:
    """What was seen."""

    of_rows: int
    took: float = 0.0  #: Seconds.
    calm: float = 0.0  #: The others' 95th percentile before, seconds.
    meanwhile: float = 0.0
    kills: int = 0
    left: int = 0  #: Rows of the two afterwards.
    files: tuple[str, ...] = ()  #: In which their words stand.
    verdict: Verdict | None = None

    @property
    def held(self) -> bool:
        """Whether all was as it is promised."""
        in_time = self.of_rows < ENOUGH or self.took <= LONGEST * self.of_rows / ENOUGH
        unhindered = self.of_rows < ENOUGH or self.meanwhile <= max(P95, 1.5 * self.calm)
        clean = not self.left and not self.files and self.verdict is not None and self.verdict.held
        return in_time and unhindered and clean


async def campaign(home: Path, of_rows: int, kills: int, dice: random.Random, **settings: str) -> Erased:
    """All of it, with so many rows of each of the two."""
    seen = Erased(of_rows)
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        relay_between(telegram, kit, home, RELAY_LOG_LEVEL="INFO", **settings) as relay,
    ):
        await relay.start()
        database = engine_of(relay.environment["RELAY_DATABASE_URL"])
        talk = _Talk(telegram, kit)
        for chat in (*talk.chats, *LARGE):
            telegram.customer(chat).writes("hello")
        await kit.wait_for(lambda: len(kit.clients) == len(talk.chats) + len(LARGE), 30)
        await relay.stop()
        for client in LARGE:
            await asyncio.to_thread(_enlarge, database, client, of_rows // 2)
        await relay.start()
        seen.calm = _p95(await talk.until(asyncio.create_task(asyncio.sleep(CALM))))
        began = time.monotonic()
        erasing = asyncio.create_task(_erase(relay, LARGE[0]))
        seen.meanwhile = _p95(await talk.until(erasing))
        seen.took = erasing.result() - began
        seen.kills = await _kill_at_it(relay, database, kills, dice)
        await eventually(lambda: _gone(database, home), within=60)
        await relay.settled("to_kit")
        assert await relay.stop() == 0
        seen.left = _rows_of(database)
        seen.files = await asyncio.to_thread(_files_with_words, home)
        seen.verdict = draw_up(telegram, kit, database, interruptions=kills)
    return seen


def _enlarge(database: Engine, client: int, letters: int) -> None:
    """Letters and deliveries of a customer who has written once."""
    values = {"client": client, "letters": letters, "now": time.time(), "canary": CANARY}
    with database.begin() as connection:
        for statement in (_LETTERS, _DELIVERIES, _COUNT):
            connection.execute(text(statement.format(**values, noise=_NOISE[database.dialect.name])))


async def _erase(relay: RelayProcess, client: int) -> float:
    """When it was done, on the monotonic clock."""
    code, _, complained = await command(relay, "customer", "erase", str(client), "--yes", within=300)
    assert code == 0, complained
    return time.monotonic()


async def _kill_at_it(relay: RelayProcess, database: Engine, kills: int, dice: random.Random) -> int:
    """Ask for the other's erasure, and kill the relay at moments of it; how often."""
    asked = asyncio.create_task(_erase(relay, LARGE[1]))

    async def begun() -> bool:
        return _marks(database) > 0 or asked.done()

    await eventually(begun)
    done = 0
    while done < kills and _marks(database):
        await asyncio.sleep(dice.uniform(0.0, 0.3))
        await relay.kill()
        done += 1
        await relay.start()
    with suppress(AssertionError):  # whoever asked has lost the relay, and is told so
        await asked
    return done


def _marks(database: Engine) -> int:
    """How many are being erased."""
    return _count(database, "erasure")


def _rows_of(database: Engine) -> int:
    clients = ", ".join(f"'{client}'" for client in LARGE)
    letters = _count(database, f"inbox WHERE client_id IN ({clients})")
    return letters + _count(database, f"outbox JOIN lane ON lane.id = lane_id WHERE client_id IN ({clients})")


def _count(database: Engine, found: str) -> int:
    with database.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {found}")).scalar_one())  # noqa: S608 - words of ours


def _files_with_words(home: Path) -> tuple[str, ...]:
    return tuple(path.name for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes())


async def _gone(database: Engine, home: Path) -> bool:
    """Nobody is marked any more, and the write-ahead log is emptied."""
    log = home / "relay.db-wal"
    return not _marks(database) and (not log.exists() or CANARY.encode() not in await asyncio.to_thread(log.read_bytes))


class _Talk:
    """Customers who have nothing to do with it."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self._telegram, self._kit = telegram, kit
        self.chats = tuple(FIRST + number for number in range(CHATS))
        self._said = 0

    async def until(self, over: "asyncio.Task[float] | asyncio.Task[None]") -> list[float]:
        """Talk until that is done, and all has arrived: how long each message took."""
        since: dict[str, float] = {}
        while not over.done() or len(since) < 2:
            chat = self.chats[self._said % CHATS]
            self._said += 1
            word = by_customer(chat, self._said)
            since[word] = time.monotonic()
            self._telegram.customer(chat).writes(word)
            await asyncio.sleep(1 / RATE)
        await self._kit.wait_for(lambda: since.keys() <= {event.text for event in self._kit.events}, 60)
        return [event.at - since[event.text] for event in self._kit.events if event.text in since]


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.erase", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="of each of the two")
    parser.add_argument("--kills", type=int, default=10, help="at most: it ends when nothing is left to erase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true", help="from a PostgreSQL")
    options = parser.parse_args()
    dice = random.Random(options.seed)  # noqa: S311 - a seed
    with tempfile.TemporaryDirectory() as home:
        settings = {"RELAY_DATABASE_URL": empty_postgresql()} if options.postgresql else {}
        seen = asyncio.run(campaign(Path(home), options.rows, options.kills, dice, **settings))
    print(  # noqa: T201 - a report
        f"{seen.of_rows} rows erased in {seen.took:.1f} s; the others' p95 {seen.calm * 1000:.0f} ms before,"
        f" {seen.meanwhile * 1000:.0f} ms meanwhile; {seen.kills} kills while another was erased;"
        f" {seen.left} rows left, words in {', '.join(seen.files) or 'no file'}; {seen.verdict}"
    )
    return 0 if seen.held else 1


if __name__ == "__main__":
    sys.exit(main())
