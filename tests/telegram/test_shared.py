"""Files on the disk of a local Bot API server: only what lies below its directory, and no word of where."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import Unavailable
from relay.media.ranges import Span
from relay.media.streams import from_disk
from relay.telegram.shared import opened

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_0123"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A server's directory with one photo in it; beside it lies a secret."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "server" / TOKEN / "photos").mkdir(parents=True)
    (tmp_path / "server" / TOKEN / "photos" / "file_0.jpg").write_bytes(bytes(range(100)))
    return tmp_path / "server"


async def content(descriptor: int, span: Span | None = None) -> bytes:
    return b"".join([chunk async for chunk in from_disk(descriptor, span).chunks])


async def test_a_file_below_the_directory_is_read(shared: Path) -> None:
    """Whole or in part; its size is the disk's."""
    with opened(shared, f"{shared}/{TOKEN}/photos/file_0.jpg") as descriptor:
        assert descriptor is not None
        assert from_disk(descriptor).size == 100
        assert await content(descriptor) == bytes(range(100))
        assert await content(descriptor, Span(10, 19)) == bytes(range(10, 20))


async def test_the_directory_itself_may_be_a_link(shared: Path, tmp_path: Path) -> None:
    """Where the operator mounts it is the operator's matter."""
    (tmp_path / "link").symlink_to(shared)
    with opened(tmp_path / "link", f"{tmp_path}/link/{TOKEN}/photos/file_0.jpg") as descriptor:
        assert descriptor is not None


def link_to_a_file(shared: Path) -> str:
    (shared / TOKEN / "link.jpg").symlink_to(shared.parent / "secret")
    return f"{shared}/{TOKEN}/link.jpg"


def link_to_a_directory(shared: Path) -> str:
    (shared / TOKEN / "out").symlink_to(shared.parent)
    return f"{shared}/{TOKEN}/out/secret"


def pipe(shared: Path) -> str:
    os.mkfifo(shared / TOKEN / "pipe")
    return f"{shared}/{TOKEN}/pipe"


ODD: list[Callable[[Path], str]] = [
    link_to_a_file,
    link_to_a_directory,
    pipe,
    lambda shared: f"{shared}/{TOKEN}",
    lambda shared: f"{shared}/../secret",
    lambda shared: f"{shared}/{TOKEN}/../../secret",
    lambda shared: f"{shared}/{TOKEN}/photos/file_0.jpg/x",
    lambda shared: f"{shared.parent}/secret",
    lambda shared: f"{shared}-more/secret",
    str,
    lambda shared: f"{shared}/a\0b",
    lambda _: "/etc/passwd",
    lambda _: "photos/file_0.jpg",
    lambda _: "",
]


@pytest.mark.parametrize("path", ODD)
def test_nothing_leads_out(shared: Path, path: Callable[[Path], str]) -> None:
    """Neither dots nor links, nor what is no file; and the words say nothing of the path, which holds the token."""
    named = path(shared)
    with pytest.raises(Unavailable) as raised, opened(shared, named):
        pass
    assert TOKEN not in str(raised.value)
    assert str(shared) not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@given(path=st.text(st.sampled_from("/.ab\0é"), max_size=12))
def test_no_path_at_all_opens_a_stranger(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    """Whatever the server says: the one file of the directory, nothing, or a refusal in words."""
    directory = tmp_path_factory.getbasetemp() / "paths"
    (directory / "a").mkdir(parents=True, exist_ok=True)
    (directory / "a" / "b").write_bytes(b"the one")
    try:
        with opened(directory, f"{directory}/{path}") as descriptor:
            assert descriptor is None or os.pread(descriptor, 100, 0) == b"the one"
    except Unavailable:
        pass


def test_a_file_that_is_gone_is_none(shared: Path) -> None:
    """Then the server can be asked for it once more."""
    with opened(shared, f"{shared}/{TOKEN}/photos/file_1.jpg") as descriptor:
        assert descriptor is None


def test_a_directory_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    """The operator reads which setting it is about."""
    with pytest.raises(Unavailable, match="TELEGRAM_LOCAL_FILES"), opened(tmp_path / "x", f"{tmp_path}/x/{TOKEN}/a"):
        pass


async def test_a_file_that_shrinks_never_looks_complete(shared: Path) -> None:
    """What ends before its size breaks off."""
    path = shared / TOKEN / "photos" / "file_0.jpg"
    with opened(shared, str(path)) as descriptor:
        assert descriptor is not None
        file = from_disk(descriptor)
        os.truncate(path, 50)
        with pytest.raises(Unavailable):
            _ = [chunk async for chunk in file.chunks]
