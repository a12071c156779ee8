"""What settling leaves behind when something does not get through: dead letters of parts, and what is told of it.

A note is a delivery like any other, accepted in the transaction that buries what it speaks of: so neither a crash nor a
repetition can lose or double it. Whether there is one, and to whom it goes, the note itself decides.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from relay.model import Delivery, Draft, Late, Lost, Note, Wants
from relay.store.engine.connection import Connection
from relay.store.engine.sql import insert
from relay.store.engine.tables import LATE_FILES, outbox
from relay.store.lanes import Lane, open_lanes
from relay.store.recalling import recall, write_clients
from relay.store.totals import add_to_tally


def write_notes(tx: Connection, now: float, notes: Sequence[tuple[Delivery, Note]]) -> None:
    """Accept the notes about these deliveries, and remember what they change of their clients."""
    if not notes:
        return
    memory = recall(tx, now, [(delivery.channel, Wants(delivery.client_id)) for delivery, _ in notes])
    drafts: list[tuple[str, Draft]] = []
    for delivery, note in notes:
        client = memory.clients.get((delivery.channel, delivery.client_id))
        told = None if client is None else note(client)
        if told is not None:
            memory.note(delivery.channel, told)
            drafts.append((delivery.channel, told.draft))
    write_clients(tx, now, memory)
    if drafts:
        accept_drafts(tx, now, drafts)


def accept_drafts(tx: Connection, now: float, drafts: Sequence[tuple[str, Draft]]) -> None:
    """Accept deliveries that come of no letter, each with its channel."""
    keys = [(channel, draft.direction, draft.client_id) for channel, draft in drafts]
    lanes = open_lanes(
        tx,
        [
            {"channel": channel, "direction": direction, "client_id": client_id, "due_at": now}
            for channel, direction, client_id in dict.fromkeys(keys)
        ],
    )
    values = [
        {
            "channel": channel,
            "direction": draft.direction,
            "lane_id": lanes[key].id,
            "body": draft.body,
            "status": "waiting",
            "accepted_at": now,
        }
        for key, (channel, draft) in zip(keys, drafts, strict=True)
    ]
    tx.execute(_INSERT, values)
    add_to_tally(tx, Counter((channel, draft.direction, "received") for channel, draft in drafts))


def write_lost(tx: Connection, now: float, losses: Sequence[tuple[Delivery, Lost]]) -> None:
    """Bury these parts of deliveries. They belong to no letter: to map that anew would make the whole again."""
    if not losses:
        return
    tx.execute(_INSERT, [_dead(delivery, lost, now) for delivery, lost in losses])
    totals: Counter[tuple[str, str, str]] = Counter()
    for delivery, _ in losses:
        totals.update((delivery.channel, delivery.direction, outcome) for outcome in ("received", "dead"))
    add_to_tally(tx, totals)
    write_notes(tx, now, [(delivery, lost.note) for delivery, lost in losses if lost.note is not None])


def write_late(tx: Connection, now: float, late: Sequence[tuple[Delivery, Late]]) -> None:
    """Let these parts of deliveries go on by themselves, in a lane beside the chat's: neither holds up the other."""
    if not late:
        return
    keys = dict.fromkeys((delivery.channel, delivery.client_id) for delivery, _ in late)
    lanes = open_lanes(
        tx,
        [
            {"channel": channel, "direction": LATE_FILES, "client_id": client_id, "due_at": now}
            for channel, client_id in keys
        ],
    )
    tx.execute(_INSERT, [_beside(delivery, part, lanes, now) for delivery, part in late])
    add_to_tally(tx, Counter((delivery.channel, delivery.direction, "received") for delivery, _ in late))
    write_notes(tx, now, [(delivery, part.note) for delivery, part in late])


def _beside(delivery: Delivery, part: Late, lanes: dict[tuple[str, str, str], Lane], now: float) -> dict[str, Any]:
    return {
        "channel": delivery.channel,
        "direction": delivery.direction,
        "lane_id": lanes[delivery.channel, LATE_FILES, delivery.client_id].id,
        "body": part.body,
        "status": "waiting",
        "accepted_at": now,
        "not_before": now + part.wait if part.wait else None,
    }


def _dead(delivery: Delivery, lost: Lost, now: float) -> dict[str, Any]:
    return {
        "channel": delivery.channel,
        "direction": delivery.direction,
        "lane_id": delivery.lane_id,
        "body": lost.body,
        "status": "dead",
        "reason": lost.reason,
        "attempts": delivery.attempts,
        "accepted_at": delivery.accepted_at,
        "settled_at": now,
    }


_INSERT = insert(outbox)
