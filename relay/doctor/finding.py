"""What a check found: one line that says how it stands, and what to do if it does not stand well. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["well", "wrong", "skipped"]

MARKS: Final[dict[Verdict, str]] = {"well": "✓", "wrong": "✗", "skipped": "·"}


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
        return f"{self.words.rstrip('.')}. {self.remedy}" if self.remedy else self.words

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


def lines(findings: Iterable[Finding]) -> Iterator[tuple[Verdict, str]]:
    """The report, line by line, the names in a column."""
    found = list(findings)
    width = max((len(each.title) for each in found), default=0)
    for each in found:
        yield each.verdict, f"{MARKS[each.verdict]} {each.title:<{width}}  {each.line}"
