"""Deep links whose touch is too long for their payload: kept by a code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import deep_link


@dataclass(frozen=True, slots=True)
class Link:
    """A code and what it stands for: `utm` and `page`."""

    channel: str
    code: str
    touch: Mapping[str, Any]


def keep_link(tx: Connection, now: float, links: Sequence[Link]) -> list[None]:
    """Keep links; one that is known already is kept as it is."""
    values = [
        {"channel": link.channel, "code": link.code, "touch": orjson.dumps(link.touch).decode(), "created_at": now}
        for link in links
    ]
    tx.execute(_KEEP, values)
    return [None] * len(links)


_KEEP = insert(deep_link).on_conflict_do_nothing()
