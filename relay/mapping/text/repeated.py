"""Whether a text says something already, however either of them breaks its lines. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

#: Places that are looked at: of a text made to have thousands, what is said again costs less than to find out.
_MOST_PLACES: Final = 100


@dataclass(frozen=True, slots=True)
class _Squeezed:
    """A text without its white space, and where there was some."""

    text: str
    gaps: frozenset[int]

    def has_edge(self, index: int) -> bool:
        """Whether a word may begin or end here."""
        return index in self.gaps or not self.joins_letters(index)

    def joins_letters(self, index: int) -> bool:
        """Whether letters or digits stand on both sides."""
        return self.text[index - 1 : index].isalnum() and self.text[index : index + 1].isalnum()


def says(text: str, words: str) -> bool:
    """Whether the words stand in the text, white space aside. Not as a part of other words: `No` is not in `Note`."""
    said, wanted = _squeeze(text), _squeeze(words)
    places = islice(_places(said.text, wanted.text), _MOST_PLACES)
    return not wanted.text or any(_is_whole(said, wanted, start) for start in places)


def _is_whole(said: _Squeezed, wanted: _Squeezed, start: int) -> bool:
    """Whether what stands there begins and ends where words do, and no gap is in the middle of one."""
    end = start + len(wanted.text)
    if not said.has_edge(start) or not said.has_edge(end):
        return False
    inside = [gap for gap in said.gaps if start < gap < end]
    return all(gap - start in wanted.gaps or not said.joins_letters(gap) for gap in inside)


def _squeeze(text: str) -> _Squeezed:
    pieces, gaps, length = text.split(), [0], 0
    for piece in pieces:
        length += len(piece)
        gaps.append(length)
    return _Squeezed("".join(pieces), frozenset(gaps))


def _places(text: str, wanted: str) -> Iterator[int]:
    start = text.find(wanted)
    while start >= 0:
        yield start
        start = text.find(wanted, start + 1)
