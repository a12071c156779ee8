"""Where the text of a setting comes from: the environment, a file that it names, or `.env`. Knows no setting by name.

Each setting `NAME` can also be given as `NAME_FILE`, the path of a file with the value in it: that is how container
secrets arrive. The nearest place wins: the environment before `.env`. Inside one place the two forms exclude each
other, since nobody could tell which one is meant.
"""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic import BaseModel

# It would tell of a broken line at each reading: `broken_lines` tells of it.
logging.getLogger("dotenv.main").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where a value should be. The line names the variable, never what it holds."""

    line: str


@dataclass(frozen=True, slots=True)
class _Place:
    name: str
    variables: Mapping[str, str | None]


def read_values(
    settings: type[BaseModel], env_file: Path | None, environment: Mapping[str, str] = os.environ
) -> dict[str, str | Unreadable]:
    """What the outside says about each field; fields about which it says nothing (or nothing but "") are left out.

    Raises OSError and UnicodeError when `env_file` is there and cannot be read.
    """
    places = [_Place("the environment", environment)]
    if env_file is not None and env_file.is_file():
        places.append(_Place(str(env_file), dotenv_values(env_file, encoding="utf-8")))
    return dict(_found(settings.model_fields, places))


def unknown_names(settings: type[BaseModel], env_file: Path) -> list[str]:
    """Names in `env_file` that look like settings and are none, as a slip of the pen leaves them. [] if unreadable."""
    known = {form for field in settings.model_fields for form in (field.upper(), f"{field.upper()}_FILE")}
    families = tuple({f"{field.upper().partition('_')[0]}_" for field in settings.model_fields})
    try:
        names = dotenv_values(env_file, encoding="utf-8") if env_file.is_file() else {}
    except (OSError, UnicodeError):
        return []
    return [name for name in names if name.upper().startswith(families) and name not in known]


def broken_lines(env_file: Path) -> list[int]:
    """The numbers of the lines in `env_file` that are neither a setting nor a comment. [] if unreadable."""
    try:
        with env_file.open(encoding="utf-8") as file:
            return [_line_of(each) for each in parse_stream(file) if each.error]
    except (OSError, UnicodeError):
        return []


def _line_of(binding: Binding) -> int:
    """Where it begins to say something: the empty lines before belong to it too."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _found(fields: Iterable[str], places: list[_Place]) -> Iterator[tuple[str, str | Unreadable]]:
    for field in fields:
        values = (_value_in(place, field.upper()) for place in places)
        value = next((value for value in values if value is not None), None)
        if value is not None:
            yield field, value


def _value_in(place: _Place, name: str) -> str | Unreadable | None:
    value = place.variables.get(name) or None
    path = place.variables.get(f"{name}_FILE") or None
    if value is not None and path is not None:
        return Unreadable(f"{name}: is set twice in {place.name}, also as {name}_FILE. Keep one of the two.")
    return value if path is None else file_content(f"{name}_FILE", path)


def file_content(name: str, path: str) -> str | Unreadable:
    """What the file at `path` holds, without the line's end; `name` is the variable that names it."""
    # The path is not repeated in a line: people put the secret itself there, by mistake.
    try:
        content = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        return Unreadable(f"{name}: names a file that cannot be read ({error.strerror}).")
    except ValueError:  # not UTF-8, or a path that no file can have
        return Unreadable(f"{name}: names a file that is not text in UTF-8.")
    content = content.rstrip("\r\n")
    return content or Unreadable(f"{name}: names an empty file.")
