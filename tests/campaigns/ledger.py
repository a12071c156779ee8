"""The ledger: what was said and acknowledged on one side, what arrived on the other, and where the rest is.

Whoever runs a campaign lets customers and agents say *marks*: words that tell in which chat they were said, by whom and
in which place. Everything else is read from the look-alikes' own records and from the database, so that nothing is
believed that the relay says of itself.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final, Literal

from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import make_url

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike

Way = Literal["to_kit", "to_telegram"]
WAYS: Final[tuple[Way, Way]] = ("to_kit", "to_telegram")
#: What is said: a customer's words, an agent's, and an agent's files, which alone may come late.
Kind = Literal["to_kit", "to_telegram", "files"]
KINDS: Final[tuple[Kind, ...]] = (*WAYS, "files")

#: What is promised, and what is asked of the records.
LOST: Final = "what was acknowledged is not lost"
ORDER: Final = "each chat keeps its order"
WRONG: Final = "nothing goes to a wrong chat"
REPEATS: Final = "nothing repeats but the step in flight"
TOLD: Final = "every dead letter is told"
ACCOUNTS: Final = "the accounts add up"

_MARK: Final = re.compile(r"(?<![0-9A-Za-z])([caf])(\d+)n(\d+)(?![0-9A-Za-z])")
_BY: Final[Mapping[Kind, str]] = {"to_kit": "c", "to_telegram": "a", "files": "f"}
_EXAMPLES: Final = 3


def by_customer(chat: int, number: int) -> str:
    """What the customer of this chat says as their so many-th mark; numbers only grow."""
    return f"c{chat}n{number}"


def marks_in(words: str) -> set[str]:
    """Every mark that stands there."""
    return {found[0] for found in _MARK.finditer(words)}


def by_agent(chat: int, number: int) -> str:
    """What agents say to this chat."""
    return f"a{chat}n{number}"


def by_file(chat: int, number: int) -> str:
    """What the file is called that agents send to this chat."""
    return f"f{chat}n{number}"


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One of them."""

    chat: str
    number: int


@dataclass(slots=True)
class Verdict:
    """What the ledger shows."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  #: By promise that is broken.
    said: Counter[str] = field(default_factory=Counter)  #: Marks that were acknowledged, by way.
    arrived: Counter[str] = field(default_factory=Counter)  #: Of those, once each.
    repeated: Counter[str] = field(default_factory=Counter)  #: Allowed repeats.
    kept: Counter[str] = field(default_factory=Counter)  #: Those that lie in the database, by where.

    @property
    def held(self) -> bool:
        """Whether every promise was kept."""
        return not self.found

    def __str__(self) -> str:
        """One line; the first examples of what is broken."""
        broken = [
            f"{promise}: {len(cases)} ({'; '.join(cases[:_EXAMPLES])})" for promise, cases in sorted(self.found.items())
        ]
        return (
            f"acknowledged {dict(self.said)}, arrived {dict(self.arrived)}, kept {dict(self.kept) or 'none'},"
            f" repeated {dict(self.repeated) or 'none'}, broken: {', '.join(broken) or 'none'}"
        )


@dataclass(frozen=True, slots=True)
class _Books:
    """What the database says."""

    waiting: frozenset[Mark] = frozenset()
    dead: frozenset[Mark] = frozenset()
    declined: frozenset[Mark] = frozenset()
    untold: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


def draw_up(
    telegram: TelegramLookAlike,
    kit: KitLookAlike,
    database: str | Engine | None,
    *,
    interruptions: int = 0,
    cut_off: AbstractSet[str] | None = None,
    erased: AbstractSet[str] = frozenset(),
) -> Verdict:
    """The ledger of everything that both look-alikes have seen. To be drawn up when nothing is on its way any more.

    `interruptions` is how often a step may have been cut off: kills, and answers that were lost. Who knows the
    marks of those steps names them: nothing else may repeat then. Without a `database`
    (its URL, or an engine), nothing lies in it: everything must have arrived. Of clients who are `erased` something may
    be on its way yet while they are new ones already (docs/privacy.md).
    """
    verdict = Verdict()
    cuts = _Cuts(interruptions, cut_off)
    _judge(verdict, "to_kit", _customers_said(telegram), _at_kit(kit), cuts)
    _judge(verdict, "to_telegram", _agents_said(kit, "a"), _at_telegram(telegram, "a"), cuts)
    _judge(verdict, "files", _agents_said(kit, "f"), _at_telegram(telegram, "f"), cuts)
    for event_id in kit.contradictions:
        verdict.found[REPEATS].append(f"{event_id} came again with another body")
    for client in kit.traffic.overlaps.keys() - erased:
        times = kit.traffic.overlaps[client]
        verdict.found[ORDER].append(f"{times} times two of chat {client} were on their way to Kit at once")
    books = _Books() if database is None else _read(database, kit)
    _look_for_the_rest(verdict, books)
    return verdict


@dataclass(frozen=True, slots=True)
class _Arrival:
    mark: Mark
    at: str  #: The chat or the client where it arrived.
    under: str  #: The id under which it came; every repeat has the same at Kit, and Telegram gives each its own.
    place: int  #: Of the event or the call: several marks may come together.


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Why something may come again."""

    times: int
    steps: AbstractSet[str] | None  #: Marks of the steps that were cut off, if they are known.


def _judge(verdict: Verdict, way: Kind, said: list[Mark], arrivals: list[_Arrival], cuts: _Cuts) -> None:
    by_chat: dict[str, list[_Arrival]] = defaultdict(list)
    for arrival in arrivals:
        if arrival.mark.chat == arrival.at:
            by_chat[arrival.at].append(arrival)
        else:
            verdict.found[WRONG].append(f"{way}: {_name(way, arrival.mark)} arrived at {arrival.at}")
    there = {arrival.mark for arrivals in by_chat.values() for arrival in arrivals}
    verdict.said[way] += len(said)
    verdict.arrived[way] += len(there.intersection(said))
    verdict.found[LOST] += [_name(way, mark) for mark in said if mark not in there]  # some of it may be found yet
    for chat, of_chat in by_chat.items():
        _judge_chat(verdict, way, chat, of_chat, cuts)


def _judge_chat(verdict: Verdict, way: Kind, chat: str, arrivals: list[_Arrival], cuts: _Cuts) -> None:
    """Of one lane: in order, and repeats only at once, as often as it was cut off, and under the same id."""
    first: dict[Mark, _Arrival] = {}
    highest: _Arrival | None = None
    again: set[int] = set()
    for arrival in arrivals:
        behind = way != "files" and highest is not None and arrival.mark.number < highest.mark.number
        before = first.setdefault(arrival.mark, arrival)
        if before is arrival and behind and highest is not None:
            verdict.found[ORDER].append(f"{_name(way, arrival.mark)} came after number {highest.mark.number}")
        elif before is not arrival:
            again.add(arrival.place)
            if cuts.steps is not None and _name(way, arrival.mark) not in cuts.steps:
                verdict.found[REPEATS].append(f"{_name(way, arrival.mark)} came again, and nothing had cut it off")
            # Marks that came together come again together.
            if behind and highest is not None and first[highest.mark].place != before.place:
                verdict.found[REPEATS].append(f"{_name(way, arrival.mark)} came again after {highest.mark.number}")
            if way == "to_kit" and before.under != arrival.under:
                verdict.found[REPEATS].append(f"{_name(way, arrival.mark)} came under two ids")
        highest = arrival if highest is None or not behind else highest
    verdict.repeated[way] += len(again)
    if len(again) > cuts.times:
        verdict.found[REPEATS].append(f"{way} {chat}: {len(again)} repeats after {cuts.times} interruptions")


def _look_for_the_rest(verdict: Verdict, books: _Books) -> None:
    """What has not arrived is kept, or lost; and what the database says of itself is true."""
    kept = {_name(way, mark): place for way in KINDS for place in ("waiting", "dead", "declined")
            for mark in getattr(books, place)}  # fmt: skip
    missing = verdict.found.pop(LOST, [])
    verdict.kept.update(kept[name] for name in missing if name in kept)
    if lost := [name for name in missing if name not in kept]:
        verdict.found[LOST] = lost
    if books.untold:
        verdict.found[TOLD] = list(books.untold)
    if books.off:
        verdict.found[ACCOUNTS] = list(books.off)
    for promise in [promise for promise, cases in verdict.found.items() if not cases]:
        del verdict.found[promise]


def _name(way: Kind, mark: Mark) -> str:
    return f"{_BY[way]}{mark.chat}n{mark.number}"


def _marks(by: str, *words: str) -> list[Mark]:
    return [Mark(chat, int(number)) for said in words for who, chat, number in _MARK.findall(said) if who == by]


def _strings(value: object) -> Iterable[str]:
    """Every string in a JSON value, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _customers_said(telegram: TelegramLookAlike) -> list[Mark]:
    """What customers have said in updates that the relay has confirmed."""
    open_yet = {mark for update in telegram.updates.pending for mark in _marks("c", *_strings(update))}
    chats = [telegram.chat(chat_id) for chat_id in telegram.customers]
    words = [said for chat in chats for message in chat.conversation for said in _strings(message)]
    return [mark for mark in dict.fromkeys(_marks("c", *words)) if mark not in open_yet]


def _at_kit(kit: KitLookAlike) -> list[_Arrival]:
    found = []
    for event in kit.events:
        marks = dict.fromkeys(_marks("c", *_strings(event.body["event_data"]["message"])))
        found += [_Arrival(mark, event.client_id, event.event_id, event.number) for mark in marks]
    return found


def _agents_said(kit: KitLookAlike, by: str) -> list[Mark]:
    """What agents have said (a), or sent as files (f), in callbacks that were answered 200."""
    answered = {posted.event_id for posted in kit.callbacks.posted if posted.status == 200}
    words = [
        said for made in kit.callbacks.made if made.event_id in answered for said in _strings(json.loads(made.body))
    ]
    return list(dict.fromkeys(_marks(by, *words)))


def _at_telegram(telegram: TelegramLookAlike, by: str) -> list[_Arrival]:
    found = []
    for place, call in enumerate(telegram.calls):
        marks = dict.fromkeys(_marks(by, *_strings(call.params), *(upload.file_name for upload in call.files)))
        found += [_Arrival(mark, str(call.chat_id), str(call.message_id), place) for mark in marks]
    return found


def engine_of(url: str) -> Engine:
    """The database of a relay, by its setting."""
    made = make_url(url)
    if made.get_backend_name() == "postgresql":
        made = made.set(drivername="postgresql+psycopg")
    return create_engine(made, poolclass=NullPool)


def _read(database: str | Engine, kit: KitLookAlike) -> _Books:
    """What the database of a relay says, of whatever engine it is."""
    engine = engine_of(database) if isinstance(database, str) else database
    try:
        with engine.connect() as connection:
            return _Books(
                waiting=_marks_in(connection, "SELECT body FROM outbox WHERE status = 'waiting'"),
                dead=_marks_in(connection, "SELECT body FROM outbox WHERE status = 'dead'"),
                declined=_marks_in(connection, "SELECT body FROM inbox WHERE declined IS NOT NULL"),
                untold=tuple(_untold(connection, kit)),
                off=tuple(_off(connection)),
            )
    finally:
        engine.dispose()


def _marks_in(connection: Connection, select: str) -> frozenset[Mark]:
    bodies = [body for (body,) in connection.execute(text(select)) if body]
    return frozenset(mark for by in _BY.values() for mark in _marks(by, *bodies))


_DEAD: Final = text(
    "SELECT outbox.id, outbox.direction, outbox.letter_id, lane.client_id FROM outbox JOIN lane ON lane.id = lane_id"
    " JOIN client_link ON client_link.channel = lane.channel AND client_link.client_id = lane.client_id"
    " WHERE outbox.status = 'dead' AND client_link.open"
)
_NOTES: Final = text("SELECT body FROM outbox WHERE direction = 'to_kit' AND status <> 'delivered'")


def _untold(connection: Connection, kit: KitLookAlike) -> Iterable[str]:
    """Dead letters of open conversations of which no note has arrived, or lies ready.

    A note's message id begins with the delivery's own; that of a part, which is a dead letter of its own without a
    letter, begins with the id of the delivery that it was a part of, so these are counted.
    """
    ids = [event.message_id for event in kit.events]
    for (body,) in connection.execute(_NOTES):
        ids.append(json.loads(body)["event_data"]["message"]["message_id"])
    told = {message_id.partition(".")[0] for message_id in ids if message_id.endswith((".note", ".lost"))}
    parts = sum(message_id.endswith(".note") and message_id.count(".") > 2 for message_id in ids)
    for row in connection.execute(_DEAD):
        if row.direction == "to_kit" and _is_note(connection, row.id):
            continue
        if str(row.id) in told:
            continue
        if row.letter_id is None and parts:
            parts -= 1
            continue
        yield f"dead letter {row.id} {row.direction} of {row.client_id}"


def _is_note(connection: Connection, delivery: int) -> bool:
    body = connection.execute(text("SELECT body FROM outbox WHERE id = :id"), {"id": delivery}).scalar()
    return body is not None and json.loads(body)["event_data"]["message"]["message_id"].endswith((".note", ".lost"))


def _off(connection: Connection) -> Iterable[str]:
    """Where the totals do not add up, or say something else than the rows."""
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for way, outcome, total in connection.execute(text("SELECT direction, outcome, total FROM tally")):
        totals[way][outcome] += total
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for way, status, number in connection.execute(
        text("SELECT direction, status, count(*) FROM outbox GROUP BY direction, status")
    ):
        rows[way][status] = number
    for way in WAYS:
        of, lie = totals[way], rows[way]
        left = of["received"] + of["revived"] - of["delivered"] - of["dead"] - of["declined"]
        if left != lie["waiting"]:
            yield f"{way}: {left} should wait, {lie['waiting']} do"
        if (dead := of["dead"] - of["revived"] - of["dropped"]) != lie["dead"]:
            yield f"{way}: {dead} should be dead, {lie['dead']} are"
