"""Converted files, kept in a directory of bounded size. What was opened longest ago goes first."""

import os
import shutil
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Cache:
    """Complete files by their keys, which are fit to be file names; they outlast the process.

    A file is in it or it is not: it comes by being moved here, and whatever else lies in `directory` is removed at the
    start. Only one process at a time may use a directory. `limit` is in bytes; files in use are kept even above it.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._limit = limit
        self._in_use: Counter[str] = Counter()
        self.directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._work = directory / "unfinished"
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(mode=0o700, exist_ok=True)
        found = [(path, path.stat()) for path in directory.iterdir() if path.is_file()]
        found.sort(key=lambda each: each[1].st_mtime)
        self._sizes = OrderedDict((path.name, status.st_size) for path, status in found)
        self.total = sum(self._sizes.values())  #: Bytes.
        self._trim()

    @property
    def work(self) -> Path:
        """Where files are made that are not complete yet: emptied at the start, made again if somebody tidied it up."""
        self._work.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._work

    @contextmanager
    def using(self, key: str) -> Iterator[Path]:
        """The path at which the file lies, if it is there or comes, and from which it does not go meanwhile."""
        self._in_use[key] += 1
        try:
            yield self.directory / key
        finally:
            self._in_use[key] -= 1
            if not self._in_use[key]:
                del self._in_use[key]
            self._trim()

    def has(self, key: str) -> bool:
        """Whether the file is there. To ask is to use it: it goes last."""
        if key not in self._sizes:
            return False
        try:
            os.utime(self.directory / key)
        except FileNotFoundError:  # somebody tidied up
            self._forget(key)
            return False
        self._sizes.move_to_end(key)
        return True

    def put(self, key: str, file: Path) -> None:
        """Move a complete file here, from `work`."""
        self._forget(key)
        size = file.stat().st_size
        file.replace(self.directory / key)
        self._sizes[key] = size
        self.total += size
        self._trim()

    def unused(self, since: float) -> list[str]:
        """What nobody has opened since a Unix time, and nobody uses."""
        found = []
        for key in self._sizes:
            try:
                if (self.directory / key).stat().st_mtime >= since:
                    break  # all others were opened later
            except FileNotFoundError:
                pass
            if key not in self._in_use:
                found.append(key)
        return found

    def keys(self) -> set[str]:
        """Those of all files that are there and that nobody uses."""
        return set(self._sizes) - self._in_use.keys()

    def drop(self, key: str) -> None:
        """Remove a file. Raises OSError when it cannot go."""
        (self.directory / key).unlink(missing_ok=True)
        self._forget(key)

    def _trim(self) -> None:
        for key in list(self._sizes):
            if self.total <= self._limit:
                return
            if key not in self._in_use:
                self.drop(key)

    def _forget(self, key: str) -> None:
        self.total -= self._sizes.pop(key, 0)
