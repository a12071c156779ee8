"""What a path has written, call by call, and the files that a power cut leaves after any of the calls.

A file keeps what was written before it was last forced to the disk. Of what was written since, nothing is there, or
some calls in any order, of the last of them only some sectors. Names change in the order in which they were changed;
forcing the directory to the disk keeps all changes before it, forcing a file keeps the name that it was made under.
"""

import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.campaigns.points.scenes import Scene
from tests.campaigns.points.strikes import take

SECTOR: Final = 512
#: The index of a write-ahead log, which is made anew, and logs.
_NO_MATTER: Final = ("-shm", ".log")
_TRACED: Final = (
    "openat,pwrite64,write,writev,fdatasync,fsync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,unlink,"
    "unlinkat,mkdir,mkdirat"
)
_LINE: Final = re.compile(r"^(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$", re.DOTALL)
_STRING: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FILE: Final = re.compile(r"^(-?\d+)<((?:\\x[0-9a-f]{2})*)>")
_RESULT: Final = re.compile(r"\) += (-?\d+)(?:<((?:\\x[0-9a-f]{2})*)>)?")
_UNFINISHED: Final = " <unfinished ...>"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that had its effect. Paths are relative to the place."""

    what: str  #: open, write, truncate, sync, link, rename, unlink or directory.
    path: str
    to: str = ""
    at: int = 0  #: Where it writes; how long it makes a file.
    data: bytes = b""
    makes: bool = False
    empties: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.path}{' ' + self.to if self.to else ''}{f' at {self.at}' if self.data else ''}"


@dataclass(eq=False)
class _File:
    """What is in a file: on the disk, and not forced to it yet."""

    kept: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)

    def after(self, dice: random.Random | None) -> bytes:
        """What is there after a power cut."""
        content = bytearray(self.kept)
        if dice is None:
            return bytes(content)
        for call in self.pending:
            if call is self.pending[-1]:
                _apply(content, call, range(dice.randint(0, 8)))
            elif dice.random() < 0.7:
                _apply(content, call)
        return bytes(content)


def _apply(content: bytearray, call: Call, sectors: range | None = None) -> None:
    if call.what == "truncate":
        del content[call.at :]
        content.extend(bytes(call.at - len(content)))
        return
    data = call.data if sectors is None else call.data[: SECTOR * len(sectors)]
    content.extend(bytes(max(0, call.at + len(data) - len(content))))
    content[call.at : call.at + len(data)] = data


@dataclass
class _Disk:
    """Files under their names, on the disk and as the process sees them."""

    names: dict[str, _File] = field(default_factory=dict)
    kept: dict[str, _File] = field(default_factory=dict)
    changes: list[Call] = field(default_factory=list)  #: Of names, not forced to the disk yet.
    made: dict[str, _File] = field(default_factory=dict)  #: What each of those made.

    def do(self, call: Call) -> None:
        match call.what:
            case "open" if call.makes and call.path not in self.names:
                self.names[call.path] = _File()
                self._change(call)
            case "open" if call.empties:
                self.names[call.path].pending.append(Call("truncate", call.path))
            case "write" | "truncate" if call.path in self.names:
                self.names[call.path].pending.append(call)
            case "sync":
                self._sync(call.path)
            case "link":
                self.names[call.to] = self.names[call.path]
                self._change(call)
            case "rename":
                self.names[call.to] = self.names.pop(call.path)
                self._change(call)
            case "unlink":
                self.names.pop(call.path, None)
                self._change(call)

    def _change(self, call: Call) -> None:
        self.changes.append(call)
        if call.what == "open":
            self.made[call.path] = self.names[call.path]

    def _sync(self, path: str) -> None:
        if path in self.names:
            file = self.names[path]
            for call in file.pending:
                _apply(file.kept, call)
            file.pending.clear()
            if any(call.what == "open" and self.made.get(call.path) is file for call in self.changes):
                self._keep_names(len(self.changes))  # a journal keeps what was before it, too
        else:
            self._keep_names(len(self.changes))

    def _keep_names(self, number: int) -> None:
        self.kept = self._names_after(number)
        del self.changes[:number]

    def _names_after(self, number: int) -> dict[str, _File]:
        names = dict(self.kept)
        for call in self.changes[:number]:
            match call.what:
                case "open":
                    names[call.path] = self.made[call.path]
                case "link" if call.path in names:
                    names[call.to] = names[call.path]
                case "rename" if call.path in names:
                    names[call.to] = names.pop(call.path)
                case "unlink":
                    names.pop(call.path, None)
        return names

    def leave(self, home: Path, dice: random.Random | None) -> None:
        """Write down what is there after a power cut."""
        number = 0 if dice is None else dice.randint(0, len(self.changes))
        for name, file in self._names_after(number).items():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.after(dice))


@dataclass
class Recording:
    """What lay there before, and what was called."""

    before: dict[str, bytes]
    calls: list[Call]

    def leave(self, length: int, home: Path, dice: random.Random | None) -> None:
        """The files after a power cut behind so many calls: nothing that was not forced, or as the dice say."""
        disk = _Disk()
        for name, content in self.before.items():
            disk.names[name] = disk.kept[name] = _File(bytearray(content))
        for call in self.calls[:length]:
            disk.do(call)
        disk.leave(home, dice)


async def record(scene: Scene, home: Path) -> Recording:
    """Take the path once, and write down what it does to the files."""
    before = _files(home)
    trace = home.with_name(home.name + ".record")
    options = ("-y", "-xx", "-s", str(2**24), "-e", "signal=none", "-e", f"trace={_TRACED}", "-o", str(trace))
    code = await take(scene, home, *options)
    if code != 0:
        raise AssertionError((home / "scene.log").read_text()[-2000:])
    return Recording(before, [call for call in _calls(trace, home) if not call.path.endswith(_NO_MATTER)])


def _files(home: Path) -> dict[str, bytes]:
    paths = [path for path in home.rglob("*") if path.is_file() and not path.name.endswith(_NO_MATTER)]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths}


def _calls(trace: Path, home: Path) -> Iterator[Call]:
    places: dict[str, int] = {}  # of files that are written to the end, by name
    for name, arguments, result in _lines(trace):
        if result is None or int(result[1]) < 0:
            continue
        yield from _call(name, arguments, result, home, places)


def _lines(trace: Path) -> Iterator[tuple[str, str, re.Match[str] | None]]:
    """Name, arguments and result of each call, those that others came between put together again."""
    begun: dict[str, tuple[str, str]] = {}
    with trace.open() as lines:
        for line in lines:
            found = _LINE.match(line.rstrip("\n"))
            if found is None:
                continue
            thread, name, arguments, _, rest = found.groups()
            if name is None:
                if thread not in begun:
                    continue
                name, arguments = begun.pop(thread)
                arguments += rest
            elif arguments.endswith(_UNFINISHED):
                begun[thread] = name, arguments.removesuffix(_UNFINISHED)
                continue
            results = list(_RESULT.finditer(arguments))
            yield name, arguments, results[-1] if results else None


def _call(name: str, arguments: str, result: re.Match[str], home: Path, places: dict[str, int]) -> Iterator[Call]:
    strings = [_bytes(each) for each in _STRING.findall(arguments)]
    paths = [_inside(each.decode(errors="replace"), home) for each in strings[:2]]
    of = _FILE.match(arguments)
    path = _inside(_bytes(of[2]).decode(errors="replace"), home) if of is not None else None
    match name:
        case "openat" if paths and paths[0] is not None:
            places[paths[0]] = 0
            yield Call("open", paths[0], makes="O_CREAT" in arguments, empties="O_TRUNC" in arguments)
        case "pwrite64" if path is not None:
            offset = int(arguments[: result.start()].rpartition(", ")[2])
            yield Call("write", path, at=offset, data=strings[0])
        case "write" if path is not None and strings:
            yield Call("write", path, at=places.get(path, 0), data=strings[0])
            places[path] = places.get(path, 0) + len(strings[0])
        case "fsync" | "fdatasync" if path is not None:
            yield Call("sync", path)
        case "ftruncate" if path is not None:
            yield Call("truncate", path, at=int(arguments[: result.start()].rpartition(", ")[2]))
        case "rename" | "renameat" | "renameat2" if len(paths) == 2 and None not in paths:
            yield Call("rename", paths[0] or "", to=paths[1] or "")
        case "link" | "linkat" if len(paths) == 2 and None not in paths:
            yield Call("link", paths[0] or "", to=paths[1] or "")
        case "unlink" | "unlinkat" if paths and paths[0] is not None:
            yield Call("unlink", paths[0])


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _inside(path: str, home: Path) -> str | None:
    """The path as it is from the place; None when it is elsewhere."""
    whole = os.path.normpath(home / path)
    relative = os.path.relpath(whole, home)
    return None if relative.startswith("..") else relative
