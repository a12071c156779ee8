"""The record of whether Kit gets through, on a real store."""

import asyncio
from contextlib import suppress
from pathlib import Path

import orjson
import structlog

from relay.monitoring.metrics import Metrics
from relay.store.store import open_store
from relay.web.callback_record import CallbackRecord
from relay.web.refusals import Refusals
from tests.databases import new_database
from tests.store.letters import CHANNEL, update


async def test_what_waits_for_company_is_noted_and_told_at_a_stop(tmp_path: Path) -> None:
    """A refused callback of a known client may wait a second for another's commit: who stops then loses nothing."""
    body = orjson.dumps({"event_id": "e1", "client_data": {"client_id": "7"}})
    metrics, refusals = Metrics(), Refusals()
    async with open_store(new_database(tmp_path)) as store:
        await store.accept(update(1, client="7"))
        record = CallbackRecord(CHANNEL, store, metrics.of_channel(CHANNEL), refusals)
        with structlog.testing.capture_logs() as log:
            running = asyncio.create_task(record.run())
            record.refuse(b"0" * 32, body)
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # it has begun its note, which waits
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        assert (await store.find_callbacks(CHANNEL)).refused == 1
    refusals.end()
    assert [line["times"] for line in log if line["event"] == "callback.refused_from_kit"] == [1]
