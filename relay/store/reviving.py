"""Dead letters are mapped anew and wait again, where they stood: their ids are old, so they go before what came later.

What was confirmed is not repeated: a delivery of which some steps are done keeps its steps, as does an album, which
came in several letters, and a note of the relay's own.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, assert_never

from sqlalchemy import bindparam, delete, null, select, update

from relay.model import Accepted, Declined, Draft, Letter, Outcome, Reading, Unreadable
from relay.store.accepting import decide, write_effects
from relay.store.dead_letters import DEAD
from relay.store.deliveries import Arrived, Deliveries, dump_address
from relay.store.engine.connection import Connection, Row
from relay.store.engine.tables import client_link, inbox, lane, outbox
from relay.store.lanes import open_lanes
from relay.store.memory import Memory
from relay.store.recalling import recall
from relay.store.totals import add_to_tally

#: `waiting`: it is on its way again. `declined`: today nothing would be sent for it, and so nothing is. `dead`: it
#: still cannot be read. `gone`: there is no such dead letter (any more).
Fate = Literal["waiting", "declined", "dead", "gone"]


@dataclass(frozen=True, slots=True)
class Revival:
    """A dead letter that is to be tried once more, and what its letter says today, if that can be read."""

    delivery_id: int
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class Revived:
    """What became of it."""

    fate: Fate
    reason: str = ""  #: Unless it waits.


def revive(tx: Connection, now: float, wishes: Sequence[Revival]) -> list[Revived]:
    """Let dead letters wait again."""
    rows: dict[int, Any] = {
        row.id: row for row in tx.execute(_ROWS, {"ids": list({wish.delivery_id for wish in wishes})})
    }
    read = [(wish.delivery_id, wish.reading) for wish in wishes if wish.reading is not None]
    memory = recall(tx, now, [(rows[of].channel, reading.wants) for of, reading in read if of in rows])
    work = _Work(tx, now, memory)
    revived = [work.revive(rows.pop(wish.delivery_id, None), wish.reading) for wish in wishes]
    work.finish()
    return revived


class _Work:
    def __init__(self, tx: Connection, now: float, memory: Memory) -> None:
        self._tx = tx
        self._now = now
        self._memory = memory
        self._deliveries = Deliveries(now, memory)
        self._mapped: list[Arrived] = []

    def finish(self) -> None:
        """Write what is common to all of them."""
        write_effects(self._tx, self._now, self._mapped, self._memory, self._deliveries)

    def revive(self, row: Any, reading: Reading | None) -> Revived:  # noqa: ANN401, PLR0911 - a row; a table of cases
        """Decide about one dead letter, and write it."""
        if row is None:
            return Revived("gone", "there is no such dead letter")
        if row.body is not None and (reading is None or row.steps_done or row.album is not None):
            return self._wait(row)
        outcome: Outcome = Unreadable(row.reason)
        if reading is not None:
            outcome = self._outcome(row, reading)
        match outcome:
            case Accepted() if row.body is None:
                return self._take_in(row, outcome)
            case Accepted():
                return self._replace(row, outcome)
            case Declined(more=more) if row.body is not None and row.direction in {draft.direction for draft in more}:
                return self._wait(row)  # the note about what was declined
            case Declined(reason=reason):
                return self._decline(row, reason)
            case Unreadable() if row.body is not None:
                return self._wait(row)
            case Unreadable(reason=reason):
                self._tx.execute(_STILL_DEAD, {"of_id": row.id, "why": reason})
                return Revived("dead", reason)
            case _:
                assert_never(outcome)

    def _outcome(self, row: Row, reading: Reading) -> Outcome:
        letter = _letter(row)
        known = replace(self._memory.known(row.channel, reading.wants), album=None)  # its siblings have left
        outcome = decide(letter, reading, known)
        if isinstance(outcome, Accepted) and known.client is not None:
            return replace(outcome, client=None)  # what is known today is newer than this letter
        return outcome

    def _replace(self, row: Row, outcome: Accepted) -> Revived:
        """The delivery as it is made today, if it can be told which one of the letter's it is."""
        same = [
            draft for draft in _drafts(outcome) if (draft.direction, draft.client_id) == (row.direction, row.client_id)
        ]
        if len(same) != 1:
            return self._wait(row)
        self._mapped.append(_accepted(row, outcome))
        return self._wait(row, same[0])

    def _take_in(self, row: Row, outcome: Accepted) -> Revived:
        """A letter that could not be read when it came: now it has its effect, as if it had just come."""
        first = next((draft for draft in _drafts(outcome) if draft.direction == row.direction), None)
        if first is None:
            return Revived("dead", "nothing follows from it in this direction")
        arrived = _accepted(row, outcome)
        self._mapped.append(arrived)
        self._memory.note(row.channel, outcome)
        for draft in _drafts(outcome):
            if draft is not first:
                self._deliveries.add_draft(arrived, replace(draft, album=None, parts=None, hasty=False))
        return self._wait(row, first)

    def _wait(self, row: Row, today: Draft | None = None) -> Revived:
        """Let it wait, as it was or as it is made today."""
        draft = today or Draft(row.direction, row.client_id, row.body)
        key = row.channel, row.direction, draft.client_id
        lanes = [
            {"channel": row.channel, "direction": row.direction, "client_id": draft.client_id, "due_at": self._now}
        ]
        values = {
            "of_id": row.id,
            "new_body": draft.body,
            "new_lane": open_lanes(self._tx, lanes)[key].id,
            "new_address": dump_address(draft.address) or row.address,
            "new_written_at": draft.written_at or row.written_at,
        }
        self._tx.execute(_WAIT, {**values, "at": self._now})
        if row.direction == "to_telegram":
            # Somebody thinks that the customer can be reached: Telegram is to say it, not our memory.
            self._tx.execute(_REACHABLE, {"of_channel": row.channel, "of_client": draft.client_id})
        self._count(row, "revived")
        return Revived("waiting")

    def _decline(self, row: Row, reason: str) -> Revived:
        self._tx.execute(_DECLINE, {"of_id": row.letter_id, "why": reason})
        self._tx.execute(_DELETE, {"of_id": row.id})
        self._count(row, "revived", "declined")
        return Revived("declined", reason)

    def _count(self, row: Row, *outcomes: str) -> None:
        add_to_tally(self._tx, Counter((row.channel, row.direction, outcome) for outcome in outcomes))


def _letter(row: Row) -> Letter:
    return Letter(row.channel, row.source, row.source_id, row.letter_body or "")


def _accepted(row: Row, outcome: Accepted) -> Arrived:
    return Arrived(_letter(row), Reading(lambda _: outcome), outcome, "accepted", row.letter_id)


def _drafts(outcome: Accepted) -> tuple[Draft, ...]:
    return (outcome.draft, *outcome.more)


_ROWS = (
    select(
        outbox.c.id,
        outbox.c.channel,
        outbox.c.direction,
        outbox.c.letter_id,
        outbox.c.body,
        outbox.c.reason,
        outbox.c.steps_done,
        outbox.c.album,
        outbox.c.address,
        outbox.c.written_at,
        lane.c.client_id,
        inbox.c.source,
        inbox.c.source_id,
        inbox.c.body.label("letter_body"),
    )
    .select_from(
        outbox.outerjoin(lane, lane.c.id == outbox.c.lane_id).outerjoin(inbox, inbox.c.id == outbox.c.letter_id)
    )
    .where(DEAD, outbox.c.id.in_(bindparam("ids", expanding=True)))
)
_OF_ID = outbox.c.id == bindparam("of_id")
# It waits since now: how long it lay dead is not the other side's fault. Confirmed steps stay confirmed.
_WAIT = (
    update(outbox)
    .where(_OF_ID)
    .values(
        status="waiting",
        body=bindparam("new_body"),
        lane_id=bindparam("new_lane"),
        address=bindparam("new_address"),
        written_at=bindparam("new_written_at"),
        reason=null(),
        settled_at=null(),
        accepted_at=bindparam("at"),
        attempts=0,
        failing_since=null(),
        uncertain=0,
    )
)
_REACHABLE = (
    update(client_link)
    .where(client_link.c.channel == bindparam("of_channel"), client_link.c.client_id == bindparam("of_client"))
    .values(unreachable=null())
)
_STILL_DEAD = update(outbox).where(_OF_ID).values(reason=bindparam("why"))
_DELETE = delete(outbox).where(_OF_ID)
_DECLINE = update(inbox).where(inbox.c.id == bindparam("of_id")).values(declined=bindparam("why"))
