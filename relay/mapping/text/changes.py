"""What is different in a long text, so that nobody reads all of it twice to find a comma. Pure."""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

#: Characters: two texts that have no more together are shown whole.
_LONG: Final = 600
#: So many words, and at least so many characters, are shown before and behind a change: by them it is found.
_AROUND: Final = 5
_CHARACTERS_AROUND: Final = 10
#: Alphabets in which no space stands between words: Thai, Lao, Burmese, Khmer, Japanese and Chinese, and their signs.
_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)\s*")
_GAP: Final = "…"
#: Of so much of a text that is different, nothing is gained by leaving the rest out.
_MOST: Final = 0.7

_Span = tuple[int, int]


def changed_places(old: str, new: str) -> tuple[str, str]:
    """Both texts, or of long ones only the places in which they differ, with a few words around each."""
    if len(old) + len(new) <= _LONG:
        return old, new
    before, after = _WORD.findall(old), _WORD.findall(new)
    changes = _changes(before, after)
    if sum(end - start for _, (start, end) in changes) > _MOST * len(after):
        return old, new
    return _shown(before, [was for was, _ in changes]), _shown(after, [now for _, now in changes])


def _changes(before: Sequence[str], after: Sequence[str]) -> list[tuple[_Span, _Span]]:
    """The places that differ, in both texts; those that nearly touch are one."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - memory that a relay at rest need not spend

    changes: list[tuple[_Span, _Span]] = []
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    inner = SequenceMatcher(None, before[start : len(before) - end], after[start : len(after) - end])
    for kind, *bounds in inner.get_opcodes():
        if kind == "equal":
            continue
        was, now = (start + bounds[0], start + bounds[1]), (start + bounds[2], start + bounds[3])
        if changes and _is_near(before[changes[-1][0][1] : was[0]]) and _is_near(after[changes[-1][1][1] : now[0]]):
            first_was, first_now = changes.pop()
            was, now = (first_was[0], was[1]), (first_now[0], now[1])
        changes.append((was, now))
    return changes


def _is_near(between: Sequence[str]) -> bool:
    """Whether what would be shown around two changes meets."""
    return len(between) <= 2 * _AROUND or sum(map(len, between)) <= 2 * _CHARACTERS_AROUND


def _common(before: Sequence[str], after: Sequence[str]) -> int:
    """How many words they begin with that are the same."""
    pairs = zip(before, after, strict=False)
    return next((index for index, (was, now) in enumerate(pairs) if was != now), min(len(before), len(after)))


def _shown(words: Sequence[str], spans: Sequence[_Span]) -> str:
    pieces = []
    for start, end in spans:
        first, last = start - _around(words[:start][::-1]), end + _around(words[end:])
        head, tail = _GAP if first else "", _GAP if last < len(words) else ""
        pieces.append(f"{head}{''.join(words[first:last]).strip()}{tail}")
    return " ".join(pieces)


def _around(words: Sequence[str]) -> int:
    """How many of these words, the nearest to a change first, stand beside it."""
    for count, length in enumerate(accumulate(map(len, words)), 1):
        if count >= _AROUND and length >= _CHARACTERS_AROUND:
            return count
    return len(words)
