"""What is measured against must end when it is told to, or nothing is measured."""

import asyncio
from pathlib import Path

from tests.bench.contender import running
from tests.bench.sandbox import open_sandbox
from tests.bench.scenarios import arrived
from tests.e2e.process import free_port


async def test_the_reference_ends_while_kit_owes_an_answer_and_goes_on_behind_what_has_arrived(tmp_path: Path) -> None:
    """Three messages of one chat wait. It is stopped when Kit has the first and has not said so."""
    port = free_port()
    async with asyncio.timeout(90), open_sandbox(port) as sandbox:
        async with running("reference", sandbox, port, tmp_path):
            await sandbox.post("kit", "faults", latency=2.0)
            await sandbox.post("telegram", "backlog", updates=3, chats=1)
            while not (await sandbox.get("kit"))["messages"]:  # noqa: ASYNC110 - what is watched is another process
                await asyncio.sleep(0.02)
        assert (await sandbox.get("kit"))["messages"] == 1
        await sandbox.post("kit", "faults", latency=0.0)
        async with running("reference", sandbox, port, tmp_path):
            stats = await arrived(sandbox, "kit", 3)
    assert (stats["messages"], stats["duplicates"], stats["out_of_order"]) == (3, 0, 0)
