"""Start and stop: told to stop at any moment it ends in time and loses nothing; if it cannot start, it says why."""

import asyncio
import os
import random
import re
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from relay.delivery import courier
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.web import serving
from tests.databases import change, held
from tests.e2e.inside import relay_inside, relay_with_grace
from tests.e2e.process import COMMAND, RelayProcess, relay_between, run_to_its_end
from tests.starting import start
from tests.waiting import eventually

CHATS, ROUNDS, STOPS = 20, 40, 10


@pytest.mark.timeout(120)
async def test_stopped_at_ten_random_moments(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """SIGTERM under load both ways: exit 0 each time, nothing lost, nothing reordered, and nothing repeated either."""
    dice = random.Random(20_261_122)  # noqa: S311 - moments that can be had again
    kit.faults.latency = telegram.faults.latency = 0.03
    customers = [telegram.customer(5_000_001 + number) for number in range(CHATS)]
    for customer in customers:
        customer.writes("hello")
    await kit.wait_for(lambda: len(kit.clients) == CHATS)
    for _ in range(STOPS):
        _add_load(telegram, kit, ROUNDS // STOPS)
        await asyncio.sleep(dice.uniform(0, 0.25))
        assert await relay.stop(grace=25) == 0
        await relay.start()
    await kit.callbacks_done()
    await kit.wait_for(lambda: all(len(kit.messages(one.id)) == ROUNDS + 1 for one in customers))
    await telegram.wait_for(lambda: all(len(telegram.chat(one.id).texts) >= ROUNDS for one in customers))
    figures = await relay.all_figures()
    assert await relay.stop() == 0
    assert not any(sent.duplicate for sent in kit.events)
    for customer in customers:
        assert kit.texts(customer.id) == ["hello", *(str(number) for number in range(ROUNDS))]
        assert telegram.chat(customer.id).texts == [str(number) for number in range(ROUNDS)]
    assert all(direction.dead == direction.unaccounted == 0 for direction in figures.values())


def _add_load(telegram: TelegramLookAlike, kit: KitLookAlike, rounds: int) -> None:
    for customer in telegram.customers.values():
        said = len(telegram.chat(customer.id).conversation) - len(telegram.chat(customer.id).messages) - 1
        for number in range(said, said + rounds):
            customer.writes(str(number))
            kit.enqueue_callbacks([kit.callbacks.message(str(customer.id), str(number))])


async def test_more_signals_are_harmless(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """Who asks again and presses Ctrl-C too does not get a crash: what is in hand is finished, exit 0."""
    anna = telegram.customer()
    kit.faults.latency = 0.5
    anna.writes("in hand")
    await kit.wait_for(lambda: kit.events)
    assert relay.process is not None
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        relay.process.send_signal(number)
        await asyncio.sleep(0.05)
    assert await asyncio.wait_for(relay.process.wait(), 25) == 0
    await relay.start()
    anna.writes("next")
    await kit.wait_for(lambda: len(kit.events) == 2)
    assert [(sent.text, sent.duplicate) for sent in kit.events] == [("in hand", False), ("next", False)]
    assert "relay.stopped" in relay.log
    assert "Traceback" not in relay.log


@pytest.mark.parametrize("kind", ["full", "closed"])
async def test_a_log_that_nobody_takes_changes_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, kind: str
) -> None:
    """On a full disk or in a pipe that was closed: messages go on, and a request to stop ends with 0."""
    reads, writes = os.pipe()
    os.close(reads)
    with open("/dev/full", "wb") as full, os.fdopen(writes, "wb") as closed:  # noqa: ASYNC230, PTH123 - devices
        log = {"full": full, "closed": closed}[kind]
        async with relay_between(telegram, kit, tmp_path) as relay:
            streams = None, log, log
            relay.process = await start(("run",), home=tmp_path, environment=relay.environment, streams=streams)
            telegram.customer().writes("hello")
            await kit.wait_for(lambda: kit.events)
            assert await relay.stop() == 0


async def test_it_stops_in_time_though_both_sides_hang(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Requests that are never answered hold it for the grace time (18 s, here less) and no longer; nothing is lost."""
    assert courier.GRACE + courier.LAST + serving._GRACE < 25
    anna = telegram.customer()
    async with relay_with_grace(telegram, kit, tmp_path, 0.5):
        anna.writes("hello")
        await kit.wait_for(lambda: kit.events)
        kit.faults.hold = telegram.faults.hold = asyncio.Event()
        anna.writes("into the void")
        await kit.agent_says(anna.id, "from the void")
        await kit.wait_for(lambda: len(kit.events) == 2)
        await telegram.wait_for(lambda: telegram.chat(anna.id).texts)
        stopping = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopping < 0.5 + 3
    kit.faults.hold.set()
    kit.faults.clear()
    telegram.faults.clear()
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await kit.agent_says(anna.id, "again")
        await telegram.wait_for(lambda: "again" in telegram.chat(anna.id).texts)
        figures = await relay.settled("to_kit")
    assert kit.texts(anna.id) == ["hello", "into the void"]
    assert kit.contradictions == []
    assert telegram.chat(anna.id).texts == ["from the void", "from the void", "again"]
    assert (figures.received, figures.delivered) == (2, 2)


async def test_a_long_answer_goes_on_where_it_stopped(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Stopped between two of the four messages that a long text needs, the next run sends the others, none twice."""
    anna = telegram.customer()
    parts = [letter * 4000 for letter in "abcd"]
    async with relay_inside(telegram, kit, tmp_path):
        anna.writes("hello")
        await kit.wait_for(lambda: kit.events)
        telegram.faults.latency = 0.2
        await kit.agent_says(anna.id, " ".join(parts))
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 2)
    assert len(telegram.chat(anna.id).texts) == 2, "it was not stopped in the middle"
    telegram.faults.clear()
    async with relay_inside(telegram, kit, tmp_path) as relay:
        await telegram.wait_for(lambda: len(telegram.chat(anna.id).texts) == 4)
        figures = await relay.settled("to_telegram")
    assert [text.strip() for text in telegram.chat(anna.id).texts] == parts
    assert (figures.delivered, figures.dead) == (1, 0)


async def test_wrong_settings_are_named_and_not_shown(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Exit 2, one line on standard error for each wrong field, none of which shows a value."""
    wrong = {
        "TELEGRAM_BOT_TOKEN": "c4nary-token",
        "KIT_SECURITY_SALT": "",
        "RELAY_PUBLIC_URL": "ftp://c4nary",
        "RELAY_PORT": "c4nary",
        "RELAY_LOG_LEVEL": "c4nary",
    }
    async with relay_between(telegram, kit, tmp_path, **wrong) as relay:
        code, said, lines = await run_to_its_end(relay)
    assert (code, said) == (2, "")
    assert sorted(line.partition(":")[0] for line in lines) == sorted(wrong)
    assert not any("c4nary" in line for line in lines)


@pytest.mark.parametrize("port", ["RELAY_PORT", "RELAY_ADMIN_PORT"])
async def test_a_taken_port_is_said_in_a_line(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, port: str
) -> None:
    """Exit 2 and one line that names the setting and the address; no update was taken."""
    telegram.customer().writes("hello")
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = str(squatter.getsockname()[1])
        async with relay_between(telegram, kit, tmp_path, **{port: taken}) as relay:
            code, _, lines = await run_to_its_end(relay)
    plain = [line for line in lines if not line.startswith("{")]
    assert code == 2
    assert len(plain) == 1
    assert plain[0].startswith(f"{port}: ")
    assert f"127.0.0.1:{taken}" in plain[0]
    assert telegram.updates.polls == 0


async def test_a_second_relay_on_the_same_database_is_kept_out(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Exit 1 and one line; the first one does not notice."""
    anna = telegram.customer()
    async with relay_between(telegram, kit, tmp_path) as first:
        await first.start()
        second = RelayProcess(tmp_path, first.environment | {"RELAY_PORT": "0", "RELAY_ADMIN_PORT": "0"}, 0, 0)
        code, _, lines = await run_to_its_end(second)
        anna.writes("still here?")
        await kit.wait_for(lambda: kit.texts(anna.id) == ["still here?"])
    [line] = [line for line in lines if not line.startswith("{")]
    assert code == 1
    assert "another relay holds the database" in line


@pytest.mark.parametrize("harm", ["newer", "no database", "torn"])
async def test_a_database_that_cannot_be_used_is_left_alone(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, harm: str
) -> None:
    """Exit 1 and one line that names the file and what to do; not a byte of it is changed, no update is taken."""
    telegram.customer().writes("hello")
    async with relay_between(telegram, kit, tmp_path) as relay:
        database = tmp_path / "relay.db"
        match harm:
            case "newer":
                change(tmp_path, "UPDATE alembic_version SET version_num = '9999'")
            case "no database":
                database.write_bytes(b"These are my holiday photos. " * 500)
            case _:
                os.truncate(database, database.stat().st_size - 4096 * 3 - 100)
        before = database.read_bytes()
        code, _, lines = await run_to_its_end(relay)
    [line] = [line for line in lines if not line.startswith("{")]
    assert code == 1
    assert str(database) in line
    assert database.read_bytes() == before
    assert telegram.updates.polls == 0


@pytest.mark.parametrize("setting", ["RELAY_HOST", "RELAY_ADMIN_HOST"])
@pytest.mark.parametrize("host", ["300.1.1.1", "203.0.113.7"])
async def test_an_address_that_is_not_here_is_said_in_a_line(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, setting: str, host: str
) -> None:
    """Exit 2 and one line that names the right one of the two settings."""
    async with relay_between(telegram, kit, tmp_path, **{setting: host}) as relay:
        code, _, lines = await run_to_its_end(relay)
    [line] = [line for line in lines if not line.startswith("{")]
    assert (code, line) == (2, f"{setting}: no such address on this machine: {host}")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("RELAY_DATABASE_URL", "sqlite:///{home}/file/relay.db"),
        ("RELAY_DATABASE_URL", "sqlite:///{home}/directory"),
        ("RELAY_DATA_DIR", "{home}/file"),
        ("RELAY_DATA_DIR", "/proc/relay"),
    ],
)
async def test_a_place_where_nothing_can_be_written_is_named(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, setting: str, value: str
) -> None:
    """Exit 2 and one line that names the setting, before anything is taken in."""
    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    telegram.customer().writes("hello")
    async with relay_between(telegram, kit, tmp_path, **{setting: value.format(home=tmp_path)}) as relay:
        code, _, lines = await run_to_its_end(relay)
    assert code == 2
    assert [line.partition(" (")[0] for line in lines] == [f"{setting}: cannot write there"]
    assert telegram.updates.polls == 0


@pytest.mark.parametrize("hold", ["BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"])
async def test_a_database_that_another_program_holds_is_said_in_words(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, hold: str
) -> None:
    """Exit 1 and one line that names the file, not a traceback."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        with held(tmp_path, hold):
            code, _, lines = await run_to_its_end(relay)
    [line] = [line for line in lines if not line.startswith("{")]
    assert code == 1
    assert str(tmp_path / "relay.db") in line
    assert "cannot be" in line


def _catches_sigterm(status: Path) -> bool:
    """https://man7.org/linux/man-pages/man5/proc_pid_status.5.html, SigCgt."""
    [caught] = re.findall(r"SigCgt:\s*(\w+)", status.read_text())
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
async def test_told_to_stop_while_it_starts(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, after: float
) -> None:
    """From the first moment that a program can, it takes SIGTERM as a wish, not as a crash: exit 0."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        process = await asyncio.create_subprocess_exec(*COMMAND, cwd=relay.home, env=relay.environment, stderr=-3)

        status = Path(f"/proc/{process.pid}/status")
        await eventually(partial(asyncio.to_thread, _catches_sigterm, status))
        await asyncio.sleep(after)  # the moment is what is tested
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 25) == 0


@pytest.mark.parametrize("command", ["run", "migrate"])
async def test_what_it_makes_is_nobody_elses_to_read(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, command: str
) -> None:
    """Customers' words stay with the user that runs the relay, whatever umask it was started with."""
    home = tmp_path / "new"
    places = {"RELAY_DATABASE_URL": f"sqlite:///{home}/relay.db", "RELAY_DATA_DIR": str(home)}
    async with relay_between(telegram, kit, tmp_path, **places) as relay:
        if command == "run":
            await relay.start()
            assert await relay.stop() == 0
        else:
            arguments = (*COMMAND[:-1], command)
            process = await asyncio.create_subprocess_exec(
                *arguments, cwd=tmp_path, env=relay.environment, stdout=-3, stderr=-3
            )
            assert await asyncio.wait_for(process.wait(), 90) == 0
    assert [path.name for path in (home, *home.rglob("*")) if path.stat().st_mode & 0o077] == []


async def test_an_env_file_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    """Exit 2 and the name of the file: a slip in --env-file must not start another configuration."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--env-file", "nope.env", cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, complained = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 2
    assert "nope.env" in complained.decode()


async def test_a_misspelt_setting_is_warned_of(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """A line on standard error names it, or the line that is none; the start is refused or not for other reasons."""
    (tmp_path / ".env").write_text("RELAY_PROT=1\nRELAY_LOG_LEVEL='INFO\n")
    async with relay_between(telegram, kit, tmp_path, RELAY_PORT="x") as relay:
        code, _, lines = await run_to_its_end(relay)
    assert code == 2
    assert [line.partition(". ")[0] for line in lines] == [
        ".env, line 2: is no setting",
        ".env: no setting is called RELAY_PROT",
        "RELAY_PORT: must be a whole number.",
    ]
