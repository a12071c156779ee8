"""Converted files are kept within a limit; what was opened longest ago goes first, and only complete files count."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from relay.media.conversion.cache import Cache

KEYS = st.sampled_from("abcde")
STEPS = st.lists(st.tuples(st.sampled_from(["put", "open", "restart"]), KEYS, st.integers(1, 40)), max_size=30)


def put(cache: Cache, key: str, size: int) -> None:
    made = cache.work / "made"
    made.write_bytes(bytes(size))
    cache.put(key, made)


def kept(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in directory.iterdir() if path.is_file()}


@given(steps=STEPS, limit=st.integers(0, 100))
def test_it_holds_what_was_used_last_and_fits(steps: Iterable[tuple[str, str, int]], limit: int) -> None:
    """Whatever is put, opened, and in between restarted: what is there is what a list of uses says, and it fits."""
    with tempfile.TemporaryDirectory() as home:
        directory = Path(home) / "cache"
        cache, expected, clock = Cache(directory, limit), dict[str, int](), 1_000_000_000
        for step, key, size in steps:
            clock += 1
            if step == "restart":
                cache = Cache(directory, limit)
            elif step == "put":
                put(cache, key, size)
                expected = {name: each for name, each in expected.items() if name != key} | {key: size}
            elif cache.has(key):
                expected[key] = expected.pop(key)
            while sum(expected.values()) > limit:
                del expected[next(iter(expected))]
            assert kept(directory) == expected
            assert cache.total == sum(expected.values())
            if step != "restart" and key in expected:  # the file system's clock is coarser than these steps
                os.utime(directory / key, (clock, clock))


def test_what_is_open_stays(tmp_path: Path) -> None:
    """A file that is being read is not removed, even above the limit; once nobody reads it, it may be."""
    cache = Cache(tmp_path / "cache", 10)
    with ExitStack() as readers:
        path = readers.enter_context(cache.using("a"))
        readers.enter_context(cache.using("a"))
        put(cache, "a", 50)
        put(cache, "b", 5)
        assert kept(cache.directory) == {"a": 50}
        assert path.stat().st_size == 50
    assert kept(cache.directory) == {}
    assert cache.total == 0


def test_half_written_files_are_none(tmp_path: Path) -> None:
    """What a crash left in the middle is removed at the next start, and never was a file of the cache."""
    cache = Cache(tmp_path / "cache", 100)
    put(cache, "a", 5)
    (cache.work / "half").mkdir()
    (cache.work / "half" / "target").write_bytes(b"half")
    assert not cache.has("half")
    again = Cache(tmp_path / "cache", 100)
    assert list(again.work.iterdir()) == []
    assert again.has("a")
    assert again.total == 5


def test_a_file_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    """The directory may be tidied up by hand while the relay runs."""
    cache = Cache(tmp_path / "cache", 100)
    put(cache, "a", 5)
    put(cache, "b", 5)
    (cache.directory / "a").unlink()
    assert not cache.has("a")
    (cache.directory / "b").unlink()
    assert cache.unused(2**40) == ["b"]
    cache.drop("b")
    assert cache.total == 0


def test_what_nobody_opens_is_let_go_in_time(tmp_path: Path) -> None:
    """Only what was not opened since then, and is not open now."""
    cache = Cache(tmp_path / "cache", 100)
    for key, used in (("a", 100), ("b", 200), ("c", 300)):
        put(cache, key, 5)
        os.utime(cache.directory / key, (used, used))
    with cache.using("a"):
        assert cache.unused(250) == ["b"]
        assert cache.keys() == {"b", "c"}
        cache.drop("b")
        assert kept(cache.directory) == {"a": 5, "c": 5}
    assert cache.unused(250) == ["a"]
