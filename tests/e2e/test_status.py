"""`relay status` as a person and a script see it: of a relay that runs, of one that is unwell, and of none."""

import asyncio
import json
import os
import pty
import signal
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.lock import hold_lock
from tests.e2e.process import COMMAND, RelayProcess, command, relay_between
from tests.e2e.refusing import REFUSAL, refused_for_good
from tests.e2e.several import several_channels

#: Kit's text for a message that it will not take.


async def test_a_relay_that_runs_and_one_that_is_stopped(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Exit 0 when all is well; after the stop the same figures from the store, which is said, and exit 3."""
    anna = telegram.customer()
    anna.writes("hello")
    anna.writes("is anybody there?")
    await kit.wait_for(lambda: len(kit.texts(anna.id)) == 2)
    await kit.agent_says(anna.id, "yes")
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts)
    await relay.ready()
    await relay.settled("to_telegram")
    code, said, complained = await command(relay, "status")
    assert (code, complained) == (0, "")
    assert "relay 0." in said
    assert "✓ telegram" in said
    assert "✓ kit" in said
    assert "\x1b" not in said
    code, said, _ = await command(relay, "status", "--json")
    running = json.loads(said)
    assert (code, running["running"]) == (0, True)
    assert running["uptime"] > 0
    [channel] = running["channels"]
    assert channel["sides"]["kit"]["ok"]
    assert 0 <= channel["poll_age"] < 60
    assert 0 <= channel["token_age"] < 60
    to_kit = channel["directions"]["to_kit"]
    assert (to_kit["received_per_minute"], to_kit["delivered_per_minute"], to_kit["waiting"]) == (2, 2, 0)
    assert await relay.stop() == 0
    code, said, _ = await command(relay, "status", "--json")
    stopped = json.loads(said)
    assert (code, stopped["running"], stopped["uptime"]) == (3, False, None)
    assert stopped["channels"][0]["directions"]["to_kit"]["totals"] == to_kit["totals"]
    code, said, _ = await command(relay, "status")
    assert code == 3
    assert said.startswith("No relay runs.")


async def test_what_waits_and_what_died_is_told(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Kit is down, and refused a message before: exit 1, what waits by its age, the reason of the dead letter."""
    anna = telegram.customer()
    await refused_for_good(telegram, kit, anna, "refused")
    await relay.shows("relay_dead_letters", 1, direction="to_kit")
    kit.faults.down = True
    anna.writes("waits")
    await relay.unready("kit", within=20)
    code, said, _ = await command(relay, "status", "--json")
    [channel] = json.loads(said)["channels"]
    to_kit = channel["directions"]["to_kit"]
    assert (code, to_kit["waiting"], to_kit["dead_letters"]) == (1, 1, 1)
    assert sum(to_kit["waiting_by_age"].values()) == 1
    [dead] = channel["dead"]
    assert (dead["direction"], dead["letters"]) == ("to_kit", 1)
    assert REFUSAL in dead["reason"]
    code, said, _ = await command(relay, "status")
    assert code == 1
    assert "✗ kit" in said
    assert REFUSAL in said


async def test_each_channel_is_told_apart(tmp_path: Path) -> None:
    """With several channels each has its own lines, and its own sides."""
    async with several_channels(tmp_path) as both:
        both.sales.kit.revoke_api_token()
        await both.relay.start()
        await both.relay.unready("sales/kit")
        code, said, _ = await command(both.relay, "status", "--json")
        sides = {channel["name"]: channel["sides"]["kit"]["ok"] for channel in json.loads(said)["channels"]}
        assert (code, sides) == (1, {"support": True, "sales": False})


@pytest.mark.parametrize("no_color", [False, True])
async def test_on_a_terminal_it_has_colours_unless_nobody_wants_them(relay: RelayProcess, *, no_color: bool) -> None:
    """A terminal gets colours; NO_COLOR takes them away."""
    await relay.ready()
    said = await on_terminal(relay, "status", environment={"NO_COLOR": "1"} if no_color else {})
    assert "✓" in said
    assert ("\x1b[32m" in said) is not no_color


async def test_watching_goes_on_until_ctrl_c(relay: RelayProcess) -> None:
    """--watch tells it again and again, and Ctrl-C ends it without a traceback."""
    arguments = (*COMMAND[:-1], "status", "--watch")
    process = await asyncio.create_subprocess_exec(
        *arguments, cwd=relay.home, env=relay.environment, stdout=-1, stderr=-1
    )
    assert process.stdout is not None
    for _ in range(2):
        while not (await asyncio.wait_for(process.stdout.readline(), 90)).startswith(b"relay "):
            pass
    process.send_signal(signal.SIGINT)
    _, complained = await asyncio.wait_for(process.communicate(), 90)
    assert (process.returncode, complained) == (0, b"")


async def test_a_start_waits_for_a_command_that_looks_at_the_store(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """One process holds the database: a relay that starts while a command does waits a moment instead of failing."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        with hold_lock(tmp_path / "relay.db"):
            starting = asyncio.create_task(relay.start())
            await asyncio.sleep(0.8)
            assert not starting.done()
        await starting
        assert await relay.stop() == 0


async def on_terminal(relay: RelayProcess, *arguments: str, environment: dict[str, str]) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND[:-1],
        *arguments,
        cwd=relay.home,
        env=relay.environment | {"TERM": "xterm-256color"} | environment,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    await asyncio.wait_for(process.wait(), 90)
    said = await asyncio.to_thread(os.read, ours, 65536)
    os.close(ours)
    return said.decode()
