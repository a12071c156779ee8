"""`python -m tests.words.catalogues` compiles the catalogues, and lists their lines in docs/languages.md."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileParser

from relay.words.catalogue import ENGLISH, LOCALES

PAGE: Final = Path(__file__).parents[2] / "docs" / "languages.md"
LANGUAGES: Final = sorted(path.name for path in LOCALES.iterdir())
_TABLE: Final = re.compile(r"(<!-- lines: .*?-->\n).*?(<!-- /lines -->)", re.DOTALL)


class _Undated(Catalog):
    """A catalogue whose header says only what is needed to read it: no dates, and not which program wrote it."""

    def __iter__(self) -> Iterator[Message]:
        yield Message("", f"Content-Type: text/plain; charset=utf-8\nPlural-Forms: {self.plural_forms}\n")
        yield from (message for message in super().__iter__() if message.id)


def source(language: str, ending: str = "po") -> Path:
    """A catalogue's file."""
    return LOCALES / language / "LC_MESSAGES" / f"relay.{ending}"


def read_catalogue(language: str) -> Catalog:
    """The catalogue as its translator left it. Raises babel's PoFileError when it is malformed."""
    catalogue = _Undated(locale=language)
    with source(language).open("rb") as file:
        PoFileParser(catalogue, abort_invalid=True).parse(file)
    return catalogue


def messages(language: str) -> dict[str, Message]:
    """Its lines by their keys."""
    return {_key(message): message for message in read_catalogue(language) if message.id}


def texts(message: Message) -> tuple[str, ...]:
    """The text, or one for each plural form."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


def compiled(language: str) -> bytes:
    """What gettext reads."""
    buffer = BytesIO()
    write_mo(buffer, read_catalogue(language))
    return buffer.getvalue()


def page(old: str) -> str:
    """docs/languages.md with the lines as they are in English today."""
    rows = [
        f"| `{key}` | {_cell(message)} | {' '.join(message.auto_comments)} |\n"
        for key, message in messages(ENGLISH).items()
        if message.context != "language"
    ]
    table = "| key | in English | |\n|---|---|---|\n" + "".join(rows)
    return _TABLE.sub(lambda found: f"{found[1]}{table}{found[2]}", old)


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else str(message.id[0])


def _cell(message: Message) -> str:
    """Texts that stand in a cell as they are."""
    return "<br>".join(f"`{line}`" for text in texts(message) for line in text.split("\n"))


def main() -> None:
    """Write all that is made from the catalogues."""
    for language in LANGUAGES:
        source(language, "mo").write_bytes(compiled(language))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
