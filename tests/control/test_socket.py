"""The control socket: for whom it is, where it lies, and what becomes of one that a dead relay left."""

import asyncio
import socket
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from relay.control import client
from relay.control.client import Answer, ask
from relay.control.operation import Operation, OperationContext, RefusedError, UnansweredError
from relay.control.place import LONGEST, NAME, NoPlaceError, connect, listen
from relay.control.server import serve_control
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from relay.store.engine.lock import hold_lock
from relay.store.store import open_store
from tests.databases import new_database
from tests.settings.test_settings import NEEDED


async def say(context: OperationContext, parameters: Mapping[str, Any]) -> object:
    """An operation that needs the store, and may refuse."""
    if "refuse" in parameters:
        raise RefusedError("I would rather not")
    counts = await context.store.count(context.channels[0].key)
    return {"words": parameters["words"], "waiting": counts.waiting}


async def stumble(context: OperationContext, parameters: Mapping[str, Any]) -> object:
    """An operation with a bug, of which the error's own text holds somebody's words."""
    asked: dict[str, object] = {"channels": context.channels}
    return asked[parameters["words"]]


async def take_long(_: OperationContext, parameters: Mapping[str, Any]) -> object:
    """An operation that does not answer at once."""
    await asyncio.sleep(float(parameters["seconds"]))
    return "done"


OPERATIONS: Final[Mapping[str, Operation]] = {
    "say": say,
    "stumble": stumble,
    "take_long": take_long,
    "customer_erase": take_long,
}


def channel(home: Path) -> Channel:
    values = {name.lower(): value for name, value in NEEDED.items()}
    places = {"relay_data_dir": str(home), "relay_database_url": f"sqlite:///{home}/relay.db"}
    return Channel("", Settings.model_validate({**values, **places}))


def files(home: Path) -> set[str]:
    return {path.name for path in home.iterdir() if path.suffix != ".lock"}


async def asked(home: Path, name: str = "say", **parameters: str) -> Answer:
    """Ask as a command does, which runs in another process."""
    return await asyncio.to_thread(partial(ask, [channel(home)], lambda: OPERATIONS, name, parameters, patience=0.2))


async def test_the_running_relay_is_asked_and_else_the_store(tmp_path: Path) -> None:
    """The same operation gives the same answer, whoever does it; it is told who did."""
    new_database(tmp_path)
    expected = {"words": "hello", "waiting": {}}
    assert await asked(tmp_path, words="hello") == Answer(expected, running=False)
    async with open_store(tmp_path / "relay.db") as store:
        async with serve_control(OperationContext([channel(tmp_path)], store), OPERATIONS, tmp_path):
            assert await asked(tmp_path, words="hello") == Answer(expected, running=True)
        assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize("running", [True, False])
async def test_a_refusal_comes_in_words(tmp_path: Path, *, running: bool) -> None:
    """What an operation refuses reaches the person who asked, from either."""
    new_database(tmp_path)
    if not running:
        with pytest.raises(RefusedError, match="I would rather not"):
            await asked(tmp_path, refuse="yes")
        return
    async with (
        open_store(tmp_path / "relay.db") as store,
        serve_control(OperationContext([channel(tmp_path)], store), OPERATIONS, tmp_path),
    ):
        with pytest.raises(RefusedError, match="I would rather not"):
            await asked(tmp_path, refuse="yes")
        with pytest.raises(UnansweredError, match="knows no sing"):
            await asked(tmp_path, "sing")


async def test_a_bug_is_told_in_words_and_logged_by_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever asked reads that it is one and where; the relay goes on, and nobody's words are in either."""
    new_database(tmp_path)
    async with (
        open_store(tmp_path / "relay.db") as store,
        serve_control(OperationContext([channel(tmp_path)], store), OPERATIONS, tmp_path),
    ):
        with pytest.raises(UnansweredError, match=r"a bug in the relay \(KeyError in stumble, line \d+\)") as told:
            await asked(tmp_path, "stumble", words="secret words")
        assert (await asked(tmp_path, words="hello")).running
    logged = capsys.readouterr().out
    assert "control.bug" in logged
    assert "KeyError in stumble" in logged
    assert "secret words" not in f"{logged} {told.value}"


async def test_an_erasure_may_take_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked for it waits for its end; for anything else not for ever, and hears that it may go on."""
    new_database(tmp_path)
    monkeypatch.setattr(client, "_TIMEOUT", 0.1)
    async with (
        open_store(tmp_path / "relay.db") as store,
        serve_control(OperationContext([channel(tmp_path)], store), OPERATIONS, tmp_path),
    ):
        assert (await asked(tmp_path, "customer_erase", seconds="0.3")).value == "done"
        with pytest.raises(UnansweredError, match="may be at it still"):
            await asked(tmp_path, "take_long", seconds="0.3")


async def test_who_holds_the_database_and_does_not_answer_is_named(tmp_path: Path) -> None:
    """A lock without a socket: after a moment of patience a line says so, and nobody opened the database."""
    new_database(tmp_path)
    with hold_lock(tmp_path / "relay.db"), pytest.raises(UnansweredError, match="another relay holds the database"):
        await asked(tmp_path, words="hello")


@pytest.mark.parametrize(("prepare", "words"), [("nothing", "there is no database"), ("older", "relay migrate")])
async def test_a_store_that_cannot_be_asked_is_said(tmp_path: Path, prepare: str, words: str) -> None:
    """No database, or one of an older schema: a line that says what to do; none is made by asking."""
    if prepare == "older":
        (tmp_path / "relay.db").touch()
    before = files(tmp_path)
    with pytest.raises(UnansweredError, match=words):
        await asked(tmp_path, words="hello")
    assert files(tmp_path) == before


@pytest.mark.parametrize("deep", [False, True])
def test_the_socket_is_for_its_own_user_wherever_it_lies(tmp_path: Path, *, deep: bool) -> None:
    """Mode 0600 from the first moment on; a path that is longer than a socket's may be is reached all the same."""
    home = tmp_path / ("deep" * 50) if deep else tmp_path
    home.mkdir(exist_ok=True)
    assert (len(str(home / NAME)) > LONGEST) is deep
    with listen(home), connect(home, 1.0):
        assert stat.S_IMODE((home / NAME).stat().st_mode) == 0o600


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    """Where there is no way around the limit, a line names the setting and the path."""
    home = tmp_path / ("deep" * 50)
    home.mkdir()
    with pytest.raises(NoPlaceError, match=r"RELAY_DATA_DIR: no control socket at .*too long"):
        listen(home, tmp_path / "nowhere")


def test_what_a_dead_relay_left_is_taken_away(tmp_path: Path) -> None:
    """After `kill -9` the socket's file is there and nobody listens: the next start has it."""
    listen(tmp_path).close()
    assert (tmp_path / NAME).is_socket()
    with listen(tmp_path), connect(tmp_path, 1.0):
        pass


def test_another_relay_is_left_alone(tmp_path: Path) -> None:
    """A socket that answers belongs to somebody, and a file that is no socket is not ours to delete."""
    with listen(tmp_path):
        with pytest.raises(NoPlaceError, match="another relay answers"):
            listen(tmp_path)
        connect(tmp_path, 1.0).close()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / NAME).write_text("a letter to grandmother")
    with pytest.raises(NoPlaceError, match="in the way"):
        listen(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / NAME).read_text() == "a letter to grandmother"


async def test_another_user_is_refused_even_if_the_mode_were_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says who calls; only our own user and root are heard."""
    new_database(tmp_path)
    async with (
        open_store(tmp_path / "relay.db") as store,
        serve_control(OperationContext([channel(tmp_path)], store), OPERATIONS, tmp_path),
    ):
        credentials = partial(int.to_bytes, length=4, byteorder="little")
        ucred = b"".join(map(credentials, (1, 4_242, 4_242)))
        monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: ucred)
        monkeypatch.setattr("asyncio.trsock.TransportSocket.getsockopt", lambda *_: ucred)
        with pytest.raises(UnansweredError, match="only the relay's own user"):
            await asked(tmp_path, words="hello")
