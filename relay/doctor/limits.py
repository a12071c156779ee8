"""What measured times mean in messages a second, and which limit is reached first. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from relay.model import LANES, Direction

#: What a message costs the relay as a whole, as a multiple of what the database costs of it (docs/performance.md).
_WHOLE: Final = 4.0


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, again and again, in milliseconds."""

    count: int
    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Database:
    """What the database does on this disk."""

    rows: float  #: A second, a hundred in a transaction.
    messages: float  #: A second: accepted, claimed and settled, many at once.
    alone: float  #: Milliseconds that the database adds to a message that comes alone: both its commits.
    processor: float  #: Milliseconds of a processor for each of many messages.


@dataclass(frozen=True, slots=True)
class Trips:
    """Calls that change nothing, over one connection."""

    first: float = 0.0  #: Milliseconds, with the connection.
    later: Times | None = None  #: None when nobody answered.
    fault: str = ""  #: Why nobody did.


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured. None: the database is on a server, or the setting for it is missing."""

    directory: str | None = None  #: Where the disk was measured.
    disk: Times | None = None
    database: Database | None = None
    telegram: Trips | None = None
    kit: Trips | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What bounds the speed in one direction."""

    direction: Direction
    name: str
    messages_per_second: float
    because: str  #: In words.


def limits_of(measured: Measured, telegram_rate: float) -> Iterator[Limit]:
    """The bounds that follow from what was measured, and from the rate that is set towards Telegram (0: none)."""
    ways: tuple[tuple[Direction, Trips | None], ...] = (("to_kit", measured.kit), ("to_telegram", measured.telegram))
    for direction, trips in ways:
        if measured.database is not None:
            yield from _of_database(direction, measured.database)
        if trips is not None and trips.later is not None:
            yield _of_round_trips(direction, trips.later.median)
    if telegram_rate:
        yield Limit("to_telegram", "telegram", telegram_rate, "Telegram takes no more from one bot")


def first_of(limits: Iterable[Limit], direction: Direction) -> Limit | None:
    """The limit that is reached first; None when that is not known, since the database was not measured."""
    found = sorted((each for each in limits if each.direction == direction), key=lambda each: each.messages_per_second)
    if not found:
        return None
    was_measured = any(each.name == "disk" for each in found)
    return found[0] if was_measured or found[0].name == "telegram" else None


def _of_database(direction: Direction, database: Database) -> Iterator[Limit]:
    yield Limit(direction, "disk", database.messages, "the database writes no more to this disk")
    whole = 1000 / database.processor / _WHOLE
    yield Limit(direction, "processor", whole, "one processor does all the relay's work (an estimate)")


def _of_round_trips(direction: Direction, answer: float) -> Limit:
    lanes = LANES[direction]
    because = f"{lanes} chats are served at a time, and each waits {answer:.0f} ms for an answer"
    return Limit(direction, "round_trip", lanes * 1000 / answer, because)
