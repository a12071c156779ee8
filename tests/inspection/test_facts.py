"""What stands in a stranger's media file is found out in a child process, and nothing in it harms the relay."""

import asyncio
import io
import os
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from PIL import Image

from relay.media.inspection import facts, worker
from relay.media.inspection.facts import Facts, facts_of, read_facts
from relay.media.inspection.worker import in_child
from relay.media.subprocesses import run_child
from tests.inspection.made import PERFORMER, TITLE, film, m4a, moving, mp3, opus
from tests.waiting import eventually

LOOK = "relay.media.inspection.look"


async def found(content: bytes, form: str, directory: Path) -> Facts:
    path = directory / "file"
    path.write_bytes(content)
    return await facts_of(path, form, directory / "preview.jpg")


@pytest.mark.parametrize(
    ("content", "form", "expected"),
    [
        (film(), "mp4", Facts(2, 640, 360)),
        (moving(), "gif", Facts(1, 60, 40)),
        (mp3(), "mp3", Facts(3, title=TITLE, performer=PERFORMER)),
        (m4a(), "m4a", Facts(3, title=TITLE, performer=PERFORMER)),
        (opus(), "opus", Facts(3)),
    ],
    ids=["film", "gif", "mp3", "m4a", "opus"],
)
async def test_duration_sides_and_names_are_found(tmp_path: Path, content: bytes, form: str, expected: Facts) -> None:
    """Of a film and a moving picture also what they look like: a JPEG that fits Telegram's limits."""
    seen = await found(content, form, tmp_path)
    preview = tmp_path / "preview.jpg"
    assert replace(seen, preview=None) == expected
    assert (seen.preview is not None) == (expected.width is not None)
    if seen.preview is not None:
        with Image.open(preview) as image:
            assert (image.format, max(image.size)) == ("JPEG", min(320, expected.width or 0))
        assert preview.stat().st_size <= 200_000


def turned_film() -> bytes:
    """A film that was taken with the telephone upright: its matrix turns it by 90 degrees."""
    content = film()
    lying = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    upright = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    at = content.index(lying, content.index(b"tkhd"))
    return content[:at] + upright + content[at + len(lying) :]


async def test_a_film_that_stands_upright_is_measured_upright(tmp_path: Path) -> None:
    """Width and height, and the preview, are as people see them."""
    seen = await found(turned_film(), "mp4", tmp_path)
    assert (seen.width, seen.height) == (360, 640)
    with Image.open(tmp_path / "preview.jpg") as image:
        assert image.size == (180, 320)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"", "mp4"),
        (os.urandom(5000), "mp4"),
        (os.urandom(5000), "opus"),
        (film()[:700], "mp4"),
        (film()[: len(film()) // 2], "mp4"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", "mp4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "mp3"),
        (b"GIF89a" + b"\xff" * 40, "gif"),
    ],
)
async def test_of_a_broken_file_nothing_is_known(tmp_path: Path, content: bytes, form: str) -> None:
    """Neither an error nor a guess; and a playlist is no film: it opens nothing."""
    seen = await found(content, form, tmp_path)
    assert seen.preview is None
    assert seen.title is None


async def test_a_picture_that_claims_to_be_huge_is_not_painted(tmp_path: Path) -> None:
    """Its sides are told as they stand there; the memory for them is never asked for."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 65_000, 65_000, 0x80, 0, 0) + bytes(6)
    content = screen + b"," + struct.pack("<HHHHB", 0, 0, 65_000, 65_000, 0) + b"\x02\x02D\x01\0;"
    began = time.monotonic()
    seen = await found(content, "gif", tmp_path)
    assert seen.preview is None
    assert time.monotonic() - began < 10


async def test_a_child_that_hangs_is_killed(tmp_path: Path) -> None:
    """A pipe that nobody fills is read for ever: the time limit ends it, and no process stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    began = time.monotonic()
    code, printed = await in_child(LOOK, pipe, tmp_path / "p", "mp4", seconds=0.5)
    assert (code, printed) == (-9, b"")
    assert time.monotonic() - began < 5


@pytest.fixture
async def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, asyncio.Task[object]]]:
    """A child that waits for ever, and the task that waits for it. The relay has a secret in its environment."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "1:secret")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(in_child(LOOK, pipe, tmp_path / "p", "mp4", seconds=60))

    async def is_there() -> bool:
        return bool(_with_argument(str(pipe)))

    await eventually(is_there)
    yield _with_argument(str(pipe))[0], task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _with_argument(argument: str) -> list[int]:
    return [each.pid for each in psutil.Process().children() if argument in each.cmdline()]


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
async def test_cancelling_one_that_begins_ends_it(tmp_path: Path, turns: int) -> None:
    """At whatever moment: its waiter is let go at once, and no process stays."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(run_child(LOOK, pipe, tmp_path / "p", "mp4", seconds=60))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert _with_argument(str(pipe)) == []


async def test_cancelling_kills_the_child(hanging: tuple[int, asyncio.Task[object]]) -> None:
    """A relay that stops leaves no child behind."""
    pid, task = hanging
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(pid)


async def test_the_child_knows_no_secret(hanging: tuple[int, asyncio.Task[object]]) -> None:
    """Its environment is none of the relay's."""
    assert psutil.Process(hanging[0]).environ().keys() == {"PATH", "LANG"}


async def test_without_the_extra_files_go_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg is not needed to run a relay."""
    monkeypatch.setattr(facts, "is_installed", lambda: False)
    assert await found(film(), "mp4", tmp_path) == Facts()
    assert worker.is_installed()


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b"", Facts()),
        (b"nonsense", Facts()),
        (b"[]", Facts()),
        (b'{"duration": 1', Facts()),
        (b'{"duration": 7.6}\n{"dura', Facts(8)),
        (b'{"duration": 0.2}', Facts(1)),
        (b'{"duration": -1, "width": 5}', Facts()),
        (b'{"duration": 1e99, "width": 1e20, "height": 7}', Facts()),
        (b'{"duration": NaN, "width": true, "height": "7"}', Facts()),
        (b'{"title": "a\\u0000\\u202e\\n b", "performer": 7}', Facts(title="a b")),
        (b'{"title": "' + b"x" * 500 + b'"}', Facts(title="x" * 128)),
        (b'{"title": " ", "preview": true}', Facts()),
    ],
)
def test_what_the_child_says_is_believed_only_as_far_as_it_makes_sense(
    tmp_path: Path, printed: bytes, expected: Facts
) -> None:
    """A file may make it say anything."""
    assert read_facts(printed, tmp_path / "none.jpg") == expected


def test_a_preview_over_the_limit_is_none(tmp_path: Path) -> None:
    """Telegram would leave it out."""
    preview = tmp_path / "p.jpg"
    preview.write_bytes(bytes(200_001))
    assert read_facts(b'{"preview": true}', preview) == Facts()
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "JPEG")
    preview.write_bytes(file.getvalue())
    assert read_facts(b'{"preview": true}', preview) == Facts(preview=preview)


async def test_a_machine_without_a_free_process_costs_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file goes all the same, without what would have been found."""

    def none_free(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("subprocess.Popen", none_free)
    assert await found(film(), "mp4", tmp_path) == Facts()
