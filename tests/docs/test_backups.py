"""docs/backups.md, typed word by word: with the real relay, and stand-ins for docker, git and scp."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.engine.migrating import HEAD, version_of
from tests.databases import new_database, older_database, rows
from tests.e2e.process import environment, free_port
from tests.waiting import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "backups.md").read_text()

#: What a machine without Docker has instead: the container's /app is the directory that the commands are typed in, a
#: container is a process, and an image is the code that is here.
DOCKER = r"""#!/bin/bash
set -euo pipefail
relay() { exec @PYTHON@ -m relay "$@"; }
[ "$1" = compose ] && shift
[ "$1" = --profile ] && shift 2
case "$1" in
  up) # --detach [relay]
    if [ -f relay.pid ] && kill "$(<relay.pid)" 2>/dev/null; then tail --pid="$(<relay.pid)" -f /dev/null; fi
    setsid @PYTHON@ -m relay run >>relay.log 2>&1 </dev/null & echo $! >relay.pid
    until curl -sf "127.0.0.1:$RELAY_ADMIN_PORT/healthz" >/dev/null; do kill -0 "$(<relay.pid)"; sleep 0.1; done ;;
  stop) kill "$(<relay.pid)"; tail --pid="$(<relay.pid)" -f /dev/null ;;
  build) ;;
  exec) shift; [ "$1" = -T ] && shift; [ "$1 $2" = "relay relay" ]; shift 2; kill -0 "$(<relay.pid)"; relay "$@" ;;
  cp) [[ "$2" = relay:/app/* ]]; cp -r "${2#relay:/app/}" "$3" ;;
  run)
    shift; [ "$1" = --rm ]; shift
    if [ "$1" = --entrypoint ]; then program="$2"; [ "$3" = relay ]; shift 3; exec "$program" "$@"; fi
    from= to=
    if [ "$1" = --volume ]; then IFS=: read -r from to how <<<"$2"; [ "$how" = ro ]; shift 2; fi
    [ "$1" = relay ]; shift
    arguments=()
    for each in "$@"; do if [ -n "$to" ] && [ "$each" = "$to" ]; then each="$from"; fi; arguments+=("$each"); done
    relay "${arguments[@]}" ;;
  *) echo "no such stand-in: $*" >&2; exit 64 ;;
esac
"""
GIT = '#!/bin/bash\ncase "$1" in pull|checkout) ;; *) exit 64 ;; esac\n'
SCP = '#!/bin/bash\nset -e\nto="@NEW@"\nfor each in "${@:1:$#-1}"; do cp "$each" "$to/"; done\n'


def blocks(heading: str) -> list[str]:
    """The commands that stand under a heading, block by block."""
    [section] = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    found = re.findall(r"(?:^ {4,}\S.*\n)+", section, re.MULTILINE)
    return [re.sub(r"^ +", "", block, flags=re.MULTILINE) for block in found]


@dataclass
class Machine:
    """A directory in which commands are typed, as one would beside docker-compose.yml."""

    directory: Path
    programs: Path
    settings: dict[str, str]

    async def type(self, block: str) -> str:
        """Type a block of commands; what they say."""
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", block),
            cwd=self.directory,
            env=os.environ | self.settings | {"PATH": f"{self.programs}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def stop(self) -> None:
        """End what still runs."""
        if (self.directory / "relay.pid").exists():
            await self.type("docker compose stop relay 2>/dev/null || true")


@pytest.fixture
async def machines(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> AsyncIterator[tuple[Machine, Machine]]:
    """Two of them with the stand-ins, the one that is to be moved from and the new one."""
    programs = tmp_path / "programs"
    programs.mkdir()
    stand_ins = {"docker": DOCKER, "git": GIT, "scp": SCP}
    for name, script in stand_ins.items():
        here = script.replace("@PYTHON@", sys.executable).replace("@NEW@", str(tmp_path / "new"))
        (programs / name).write_text(here)
        (programs / name).chmod(0o755)
    made = []
    for name in ("old", "new"):
        directory = tmp_path / name
        (directory / "data").mkdir(parents=True)
        port = free_port()
        places = {"RELAY_DATABASE_URL": "sqlite:///data/relay.db", "RELAY_DATA_DIR": "data"}
        settings = environment(telegram, kit, directory, port, free_port(), places)
        (directory / ".env").write_text("RELAY_RETENTION_DAYS=7\n")
        made.append(Machine(directory, programs, settings))
    kit.callbacks.url = f"http://127.0.0.1:{made[0].settings['RELAY_PORT']}/kit/callback"
    old, new = made
    yield old, new
    for machine in made:
        await machine.stop()


START = "docker compose up --detach relay"
STOP = "docker compose stop relay"


async def test_back_up_and_restore(
    telegram: TelegramLookAlike, kit: KitLookAlike, machines: tuple[Machine, Machine]
) -> None:
    """Back up while Kit is down, lose the day after, restore: what waited is listed, and goes on when asked."""
    machine, _ = machines
    new_database(machine.directory / "data")
    anna = telegram.customer()
    [back_up, take_away] = blocks("Back up")
    [restore, go_on] = blocks("Restore")
    await machine.type(START)
    kit.faults.down = True
    anna.writes("waits")
    await _waits(machine, delivered=0)
    made = re.match(r"(data/backups/relay-\d{8}T\d{6}Z\.db): .*checked", await machine.type(back_up))
    assert made
    await machine.type(take_away)
    assert (machine.directory / "backups" / Path(made[1]).name).is_file()
    kit.faults.down = False
    await kit.wait_for(lambda: kit.texts(anna.id) == ["waits"])
    named = re.sub(r"data/backups/relay-\d{8}T\d{6}Z\.db", made[1], restore)
    assert named != restore
    said = await machine.type(named)
    assert "1 deliveries waited in it" in said
    assert re.search(r"to Kit\t.*restored from the copy of", said)
    assert "1 on the way again" in await machine.type(go_on)
    await kit.wait_for(lambda: len(kit.events) == 2)
    assert [event.duplicate for event in kit.events] == [False, True]


async def test_upgrade_and_go_back(
    telegram: TelegramLookAlike, kit: KitLookAlike, machines: tuple[Machine, Machine]
) -> None:
    """Of a database with an older schema: migrated by the start, with a copy; put back, it is as it was."""
    machine, _ = machines
    older_database(machine.directory / "data", letters=3)
    anna = telegram.customer()
    [upgrade, look] = blocks("Upgrade")
    [go_back] = blocks("Go back to the version before")
    await machine.type(upgrade)
    assert version_of(machine.directory / "data" / "relay.db") == HEAD
    said = await machine.type(look.replace("relay check", "relay check || true"))
    assert "✓" in said
    anna.writes("since the upgrade")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["since the upgrade"])
    # The version before is not here to be started: what it would find is looked at instead.
    lines = re.sub(r"before-\d+", f"before-{HEAD}", go_back).splitlines()
    said = await machine.type("\n".join(lines[:-1]))
    assert f"relay.db.before-{HEAD}" in said
    assert version_of(machine.directory / "data" / "relay.db") == "0001"
    assert rows(machine.directory / "data", "SELECT count(*) FROM inbox") == [(3,)]
    [aside] = (machine.directory / "data").glob("relay.db.replaced-*Z")
    assert version_of(aside) == HEAD
    await machine.type(lines[-1])
    assert version_of(machine.directory / "data" / "relay.db") == HEAD


async def test_move_to_another_machine(
    telegram: TelegramLookAlike, kit: KitLookAlike, machines: tuple[Machine, Machine]
) -> None:
    """What waited on the old machine arrives from the new one by itself, once, and agents' answers find their chats."""
    old, new = machines
    new_database(old.directory / "data")
    anna = telegram.customer()
    [on_the_old, on_the_new] = blocks("Move to another machine")
    await old.type(START)
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id) == ["hello"])
    kit.faults.down = True
    anna.writes("waits")
    await _waits(old, delivered=1)
    await old.type(on_the_old)
    kit.faults.down = False
    said = await new.type(on_the_new.replace("relay check", "relay check || true"))
    assert "1 deliveries waited in it, and go on when the relay starts" in said
    await kit.wait_for(lambda: kit.texts(anna.id) == ["hello", "waits"])
    kit.callbacks.url = f"http://127.0.0.1:{new.settings['RELAY_PORT']}/kit/callback"
    kit.enqueue_callbacks([kit.callbacks.message(str(anna.id), "found")])
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["found"])
    assert [event.duplicate for event in kit.events] == [False, False]
    assert not (new.directory / "move.db").exists()


async def _waits(machine: Machine, *, delivered: int) -> None:
    """Return once a delivery waits beside so many that have arrived."""

    async def waits() -> bool:
        counted = "SELECT status, count(*) FROM outbox GROUP BY status"
        expected = {"delivered": delivered, "waiting": 1} if delivered else {"waiting": 1}
        return dict(rows(machine.directory / "data", counted)) == expected

    await eventually(waits)
