"""Customers' stars for closed conversations: one row for each time that somebody was asked.

The totals stand in the tally, under the direction "rating", so that they outlast the rows.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from relay.model import Rating
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert, keys, listed
from relay.store.engine.tables import rating
from relay.store.totals import add_to_tally

#: Channel, client and the rating's id.
Key = tuple[str, str, str]


def recall_ratings(tx: Connection, wanted: Iterable[Key]) -> dict[Key, Rating]:
    """What is known of these ratings. Somebody else's are not known."""
    asked = set(wanted)
    if not asked:
        return {}
    rows = tx.execute(_RATINGS, {"wanted": keys((channel, number) for channel, _, number in asked)})
    found = {(row.channel, row.client_id, row.asked_for): Rating(row.asked_for, row.stars) for row in rows}
    return {key: each for key, each in found.items() if key in asked}


def write_ratings(tx: Connection, now: float, changed: Mapping[Key, Rating]) -> None:
    """Write who was asked, and what they answered: the first answer counts."""
    if not changed:
        return
    values = [
        {
            "channel": channel,
            "asked_for": each.id,
            "client_id": client_id,
            "stars": each.stars,
            "asked_at": now,
            "rated_at": None if each.stars is None else now,
        }
        for (channel, client_id, _), each in changed.items()
    ]
    tx.execute(_WRITE, values)
    add_to_tally(
        tx,
        Counter(
            (channel, "rating", "asked" if each.stars is None else str(each.stars))
            for (channel, _, _), each in changed.items()
        ),
    )


# Statements are made once: to make one costs more than to run it.
_RATINGS = select(rating).select_from(listed(rating, rating.c.channel, rating.c.asked_for))
_rating = insert(rating)
_WRITE = _rating.on_conflict_do_update(
    index_elements=["channel", "asked_for"],
    set_={"stars": _rating.excluded.stars, "rated_at": _rating.excluded.rated_at},
    where=rating.c.stars.is_(None) & (rating.c.client_id == _rating.excluded.client_id),
)
