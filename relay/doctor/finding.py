"""What a check found: one line that says how it stands, and what to do if it does not stand well. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Final, Literal

Verdict = Literal["well", "wrong", "skipped"]

MARKS: Final[dict[Verdict, str]] = {"well": "✓", "wrong": "✗", "skipped": "·"}


_MARK: Final = 2  #: Columns: the mark and a space.
_NARROWEST: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Neither words nor remedy hold a secret."""

    name: str  #: What was looked at.
    verdict: Verdict
    words: str  #: How it stands.
    remedy: str = ""  #: What to do; "" when it stands well.
    channel: str = ""  #: Whose it is, where there are several.

    @property
    def line(self) -> str:
        """Without the mark and the name."""
        return f"{self.words.rstrip('.')}. → {self.remedy}" if self.remedy else self.words

    @property
    def title(self) -> str:
        """The name, and whose it is."""
        return f"{self.channel}: {self.name}" if self.channel else self.name


def well(name: str, words: str) -> Finding:
    """All is as it should be."""
    return Finding(name, "well", words)


def wrong(name: str, words: str, remedy: str) -> Finding:
    """Something must be done."""
    return Finding(name, "wrong", words, remedy)


def skipped(name: str, words: str) -> Finding:
    """Nobody looked, for this reason."""
    return Finding(name, "skipped", words)


def report(findings: Iterable[Finding], columns: int | None = None) -> Iterator[tuple[Finding, str]]:
    """What follows the mark of each finding: its name in a column of its own, and the line.

    For a terminal of so many `columns` a longer line goes on under its beginning; else each is one line.
    """
    found = list(findings)
    width = max((len(each.title) for each in found), default=0)
    for each in found:
        yield each, "\n".join(_wrapped(f"{each.title:<{width}}  ", each.line, columns))


def _wrapped(title: str, line: str, columns: int | None) -> list[str]:
    if columns is None:
        return [title + line]
    room = max(_NARROWEST, columns - _MARK)
    return wrap(
        title + line,
        width=room,
        subsequent_indent=" " * (_MARK + len(title)),
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
