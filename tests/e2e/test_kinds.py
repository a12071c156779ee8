"""Every recorded update goes through the relay, and Kit takes what comes of it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telegram import Update

from relay.mapping.to_kit.updates import wants_of
from relay.media.conversion.forms import available
from relay.model import Accepted, BusinessConnection, Client, Known, Said, Unreadable
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import relay_inside
from tests.mapping.mapped import NAMES, OWNERS, PTB_WARNS, event_of, mapped, raw_sample
from tests.mapping.test_samples import DECLINED, LEFT

CARRIED = [name for name in NAMES if name not in {*DECLINED, *LEFT}]


@pytest.mark.filterwarnings(PTB_WARNS)
async def test_kit_takes_every_kind(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """One event for each update that is a customer's, as mapping said it, and not one refused."""
    async with relay_inside(telegram, kit, tmp_path) as relay:
        updates = sorted((_today(raw_sample(name)) for name in NAMES), key=lambda raw: int(raw["update_id"]))
        telegram.push_updates(updates)
        await kit.wait_for(lambda: len(kit.events) >= len(CARRIED))
        figures = await relay.settled("to_kit")
    assert kit.refused == []
    assert (figures.delivered, figures.dead, figures.unaccounted) == (len(CARRIED), 0, 0)
    wanted = {event["event_id"]: event for event in _events(updates, str(telegram.bot["id"]))}
    assert {sent.event_id for sent in kit.events} == set(wanted)
    for sent in kit.events:
        event = wanted[sent.event_id]
        message = event["event_data"]["message"]
        assert (sent.text, sent.client_data) == (message.get("text"), event["client_data"])
        assert [item["type"] for item in sent.payload] == [item["type"] for item in message.get("payload", ())]


def _today(raw: dict[str, Any]) -> dict[str, Any]:
    """The update as of now, so that nothing of it is late; and each reaction to another message, so that none joins."""
    for field, value in raw.items():
        if isinstance(value, dict):
            value.update({name: int(time.time()) for name in ("date", "edit_date") if value.get(name)})
        if field == "message_reaction":
            value["message_id"] = raw["update_id"]
    return raw


def _events(updates: list[dict[str, Any]], channel: str) -> Iterator[dict[str, Any]]:
    """What mapping makes of them one after the other, with all that is to be remembered in between."""
    clients: dict[str, Client] = {}
    said: dict[str, dict[int, Said]] = {}
    connection: BusinessConnection | None = None
    for raw in updates:
        client_id = wants_of(Update.de_json(raw, None), OWNERS).client_id or ""
        talking = tuple(client for client in clients.values() if client.address.business_connection_id)
        known = Known(clients.get(client_id), said.get(client_id, {}), connection=connection, open_clients=talking)
        outcome = mapped(raw, known, channel=channel, forms=available())
        if isinstance(outcome, Unreadable):
            continue
        connection = outcome.connection or connection
        if outcome.client is not None:
            clients[client_id] = outcome.client
        if isinstance(outcome, Accepted) and outcome.draft.direction == "to_kit":
            said.setdefault(client_id, {}).update({each.message_id: each for each in outcome.said})
            yield json.loads(event_of(outcome).to_json())
