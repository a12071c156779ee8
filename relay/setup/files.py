"""Where answers go: `.env`, or a channel of `relay.toml`. What else stands there stays; strangers may not read it."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tomlkit
from dotenv import set_key, unset_key
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from relay.settings.channels import PER_CHANNEL, values_in
from relay.settings.schema import Settings
from relay.settings.sources import Unreadable, read_values

_NOBODY_ELSE: Final = 0o600


class UnusableFileError(Exception):
    """The file cannot be read or written. The message says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class EnvFile:
    """`.env`: the settings of a relay with one bot, or of all channels."""

    path: Path

    def known(self) -> dict[str, str]:
        """What it says, by field. Raises UnusableFileError."""
        try:
            values = read_values(Settings, self.path, {})
        except (OSError, UnicodeError):
            raise UnusableFileError(f"{self.path} is there and cannot be read as text in UTF-8.") from None
        return readable(values)

    def write(self, values: Mapping[str, str]) -> None:
        """Set these fields. The file is replaced at once or not at all; its mode is 0600 from then on.

        A `NAME_FILE` beside a `NAME` that is written goes, since only one of the two may be there. Raises OSError.
        """
        before = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        with _replacing(self.path, _NOBODY_ELSE) as temporary:
            temporary.write_text(before if not before or before.endswith("\n") else f"{before}\n", encoding="utf-8")
            for field, value in values.items():
                name = field.upper()
                if f"{name}_FILE=" in before:
                    unset_key(temporary, f"{name}_FILE", encoding="utf-8")
                # Quoted where need be, and then in single quotes: in those docker compose too takes a $ for a $.
                set_key(temporary, name, value, quote_mode="auto", encoding="utf-8")

    def next_steps(self) -> tuple[str, ...]:
        """What is to be done now."""
        other = "" if self.path == Path(".env") else f" --env-file {self.path}"
        run = f"Now: relay run{other}, and beside it relay check{other}. With docker compose: docker compose up -d."
        return (run,)


@dataclass(frozen=True, slots=True)
class ChannelTable:
    """One `[[channel]]` of `relay.toml`, which need not be there yet."""

    path: Path
    name: str
    first: str = ""  #: How the one bot is to be called that the environment described, when the file is made.

    def known(self) -> dict[str, str]:
        """What the table says, by field. Raises UnusableFileError."""
        return readable(values_in(self._table(self._document()) or {}))

    def shared(self) -> dict[str, str]:
        """What stands above all channels. Raises UnusableFileError."""
        return readable(values_in(self._document()))

    def write(self, values: Mapping[str, str]) -> None:
        """Set these fields in the table; "" takes one out. Who could read the file still can, but for strangers.

        Raises OSError or UnusableFileError.
        """
        document = self._document()
        channels = document.get("channel")
        if not isinstance(channels, AoT):
            channels = tomlkit.aot()
            document.append("channel", channels)
        if self.first and not channels:
            channels.append(_named(self.first))
        table = self._table(document)
        if table is None:
            table = _named(self.name)
            channels.append(table)
        for field, value in values.items():
            for form in (field, f"{field}_file", f"{field}_env"):
                table.pop(form, None)
            if value:
                (table if field in PER_CHANNEL else document)[field] = value
        status = self.path.stat() if self.path.exists() else None
        mode = _NOBODY_ELSE if status is None else status.st_mode & 0o770
        with _replacing(self.path, mode) as temporary:
            temporary.write_text(tomlkit.dumps(document), encoding="utf-8")
            if status is not None:
                with suppress(PermissionError):
                    os.chown(temporary, status.st_uid, status.st_gid)

    def next_steps(self) -> tuple[str, ...]:
        """What is to be done now."""
        lines = ["Now: restart the relay, and beside it relay check. The relay's user must be able to read the file."]
        if self.first:
            lines.append(
                f"The channel of before is called {self.first} from now on. In Kit, change its callback URL before you "
                f"restart: it ends in /kit/callback/{self.first}."
            )
        return tuple(lines)

    def _document(self) -> tomlkit.TOMLDocument:
        try:
            return tomlkit.parse(self.path.read_text(encoding="utf-8") if self.path.exists() else "")
        except (OSError, UnicodeError):
            raise UnusableFileError(f"{self.path} is there and cannot be read as text in UTF-8.") from None
        except TOMLKitError:
            # Its words may show the line, and with it a secret.
            raise UnusableFileError(f"{self.path} is not TOML: relay check says where.") from None

    def _table(self, document: tomlkit.TOMLDocument) -> Table | None:
        channels = document.get("channel")
        tables = channels if isinstance(channels, AoT) else ()
        return next((table for table in tables if table.get("name") == self.name), None)


Destination = EnvFile | ChannelTable


def readable(values: Mapping[str, object]) -> dict[str, str]:
    """Those of the values that are a setting's and are there, as people would type them."""
    known = {name: value for name, value in values.items() if name in Settings.model_fields}
    return {name: str(value) for name, value in known.items() if not isinstance(value, Unreadable)}


def _named(name: str) -> Table:
    table = tomlkit.table()
    table["name"] = name
    return table


@contextmanager
def _replacing(path: Path, mode: int) -> Iterator[Path]:
    """A file beside it that takes its place at the end of the block, if nothing is raised.

    It has a directory of its own, which nobody else may enter: so nothing is left of what a library writes beside it.
    """
    with tempfile.TemporaryDirectory(prefix=f"{path.name}-", dir=path.parent) as directory:
        temporary = Path(directory) / path.name
        yield temporary
        temporary.chmod(mode)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
