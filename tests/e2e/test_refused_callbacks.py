"""Kit signs with another salt: whoever looks is told, a stranger cannot say it for Kit, and it costs no disk."""

import asyncio
import json
from pathlib import Path

import aiohttp

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.doctor.examined import examined
from tests.e2e.inside import InnerRelay
from tests.e2e.process import RelayProcess, command
from tests.waiting import eventually

REFUSED = "relay_callbacks_refused_from_kit_total"


async def warned(relay: RelayProcess) -> str:
    """What `/readyz` warns of, as soon as it does; it stays 200."""
    said: dict[str, str] = {}

    async def warns() -> bool:
        nonlocal said
        status, body = await relay.get("/readyz")
        assert status == 200, body
        said = json.loads(body)["warnings"]
        return bool(said)

    await eventually(warns)
    return said["callbacks"]


async def test_a_wrong_salt_is_told_by_status_check_and_readiness(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """Status and check exit 1 with the remedy, also after a restart; `/readyz` names it and stays 200."""
    anna = telegram.customer()
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    await relay.ready()
    assert await kit.agent_says(anna.id, "before") == 200
    right, kit.callbacks.salt = kit.callbacks.salt, "another"
    assert [await kit.agent_says(anna.id, text) for text in ("one", "two")] == [401, 401]
    assert "refused in the last hour" in await warned(relay)
    await relay.shows(REFUSED, 2)
    await relay.stop()
    await relay.start()
    await relay.ready()
    assert (await warned(relay)).startswith("2 of Kit's were refused in the last hour")
    code, said, _ = await command(relay, "status", "--json")
    [channel] = json.loads(said)["channels"]
    assert (code, channel["callbacks"]["ok"], channel["callbacks"]["refused_last_hour"]) == (1, False, 2)
    assert channel["callbacks"]["last_accepted"] >= channel["callbacks"]["last_refused"]
    code, said, _ = await command(relay, "status")
    assert code == 1
    assert "✗ callbacks" in said
    assert "KIT_SECURITY_SALT must be" in said
    found = await examined(tmp_path, relay.environment)
    assert found.code == 1
    assert {name for name, verdict in found.verdicts.items() if verdict == "wrong"} == {"callbacks"}
    assert "KIT_SECURITY_SALT must be" in found.lines["callbacks"]
    kit.callbacks.salt = right
    assert await kit.agent_says(anna.id, "after") == 200
    assert right not in relay.log


async def test_a_relay_that_takes_callbacks_says_when(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess, tmp_path: Path
) -> None:
    """The last one that was taken; a sample of `relay check` is none of Kit's."""
    anna = telegram.customer()
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    await relay.ready()
    assert (await examined(tmp_path, relay.environment)).code == 0
    code, said, _ = await command(relay, "status")
    assert (code, "✓ callbacks none was ever taken" in said) == (0, True)
    assert await kit.agent_says(anna.id, "hi") == 200

    async def told() -> bool:
        return "✓ callbacks the last was taken" in (await command(relay, "status"))[1]

    await eventually(told)


async def test_strangers_cannot_say_it_for_kit_and_cost_no_writes(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Two thousand requests that look like Kit's, for customers whom nobody knows: no warning, no commit, no growth."""
    anna = telegram.customer()
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    await inner.settled("to_kit")
    wal = inner.database.with_name("relay.db-wal")
    before = wal.stat().st_size
    async with aiohttp.ClientSession() as session:

        async def knock(number: int) -> int:
            about = {"client_data": {"client_id": f"{number}"}, "event_type": "send_message"}
            async with session.post(
                f"{inner.url}/kit/callback",
                json={"event_id": f"e{number}", **about},
                headers={"Authorization": "0" * 32},
            ) as response:
                return response.status

        assert set(await asyncio.gather(*map(knock, range(2000)))) == {401}
    await inner.shows("relay_callbacks_total", 2000, verdict="refused")
    [channel] = inner.relay.channels
    assert len(channel.callback.record._refused) <= 100
    kit.callbacks.salt = "another"

    async def counted() -> bool:
        await kit.agent_says(anna.id, "refused")
        return await inner.metric(REFUSED) > 0

    assert wal.stat().st_size == before
    assert json.loads((await inner.get("/readyz"))[1])["warnings"] == {}
    await eventually(counted)
