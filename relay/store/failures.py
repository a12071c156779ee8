"""Attempts that failed: kept with their reasons as long as their delivery, for whoever looks for a message."""

from collections.abc import Iterable
from typing import assert_never

from relay.model import Bury, Delivered, Delivery, Result, Retry
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import failed_attempt

_LONGEST = 500  #: Characters of a reason.


def write_failures(tx: Connection, now: float, results: Iterable[tuple[Delivery, Result]]) -> None:
    """Note those that failed. The same reason again is counted: an outage of hours is one row."""
    reasons = [(delivery.id, reason) for delivery, result in results if (reason := _failure(result)) is not None]
    if reasons:
        tx.execute(
            _ADD, [{"delivery_id": of, "reason": reason, "first_at": now, "last_at": now} for of, reason in reasons]
        )


def _failure(result: Result) -> str | None:
    match result:
        case Retry(paced=True) | Delivered():
            return None
        case Retry(reason=reason) | Bury(reason=reason):
            return reason[:_LONGEST]
        case _:
            assert_never(result)


_insert = insert(failed_attempt).values(times=1)
_ADD = _insert.on_conflict_do_update(
    index_elements=["delivery_id", "reason"],
    set_={"times": failed_attempt.c.times + 1, "last_at": _insert.excluded.last_at},
)
