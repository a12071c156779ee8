"""Who was erased, as several relays have it in common: an erasure at one of them is in the lists of all.

The list itself is a file beside each relay (`relay.store.engine.erased`), since a database that is put back from a copy
must be told of it. Here lies what the others are to enter in theirs. Only where there can be several.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import text

from relay.store.engine.connection import Connection

#: Unix time at which each customer was erased, by hash, by key.
Lists = Mapping[str, Mapping[str, float]]


def have_in_common(tx: Connection, _now: float, wishes: Sequence[Lists]) -> list[dict[str, dict[str, float]]]:
    """Enter what these lists know better. Returns what all relays have in common then."""
    found: dict[str, dict[str, float]] = {}
    for row in tx.execute(_ALL):
        found.setdefault(row.key, {})[row.hash] = row.asked_at
    for lists in wishes:
        for key, hashes in sorted(lists.items()):  # in the same order everywhere: else two could wait for each other
            known = found.setdefault(key, {})
            later = {name: at for name, at in sorted(hashes.items()) if at > known.get(name, 0.0)}
            known.update(later)
            if later:
                tx.execute(_ENTER, [{"of_key": key, "of_hash": name, "at": at} for name, at in later.items()])
    return [found] * len(wishes)


_ALL: Final = text("SELECT key, hash, asked_at FROM erased")
_ENTER: Final = text(
    "INSERT INTO erased VALUES (:of_key, :of_hash, :at) ON CONFLICT (key, hash)"
    " DO UPDATE SET asked_at = greatest(erased.asked_at, excluded.asked_at)"
)
