"""Takes secrets out of a line of text, however they got there and however they are written. Pure.

It works on finished lines, so no call, level, library or traceback can go around it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

MARK: Final = "[redacted]"

# A shorter one protects nothing, and looking for it would blacken ordinary words and ids. One such word is "pending",
# which stands for the salt until Kit has shown it.
_SHORTEST: Final = 8

_LONG_AFTER_COLON: Final = re.compile(r":[A-Za-z0-9_-]{20}")


def _may_hold_bot_token(line: str) -> bool:
    # In a line of JSON digits and colons are everywhere, but nothing that long follows a colon.
    return _LONG_AFTER_COLON.search(line) is not None or "%" in line


# Each pattern comes with a quick look that says whether it is worth a search.
_PATTERNS: Final[tuple[tuple[Callable[[str], bool], re.Pattern[str], str], ...]] = (
    # A bot token, ours or another's; its id, which is public, stays. The colon may be percent-encoded.
    (_may_hold_bot_token, re.compile(r"(\d{3,}(?::|%(?:25)*3[Aa]))[A-Za-z0-9_-]{20,}"), rf"\1{MARK}"),
    (lambda line: "eyJ" in line, re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*"), MARK),
    (
        lambda line: "earer" in line or "EARER" in line,
        re.compile(r"\b(bearer(?:\s|%20|\+)+)(?!\[)[^\s\"',\\]+", re.IGNORECASE),
        rf"\1{MARK}",
    ),
    # Kit's session tokens, whose form nobody promises.
    (
        lambda line: "_token" in line,
        re.compile(r"((?:access|refresh)_token(?:\\*[\"']\s*:\s*\\*[\"']|=|%3[Dd]))(?!\[)[^\s\\\"'&,}]+"),
        rf"\1{MARK}",
    ),
)

_BACKSLASH: Final = r"(?:\\|%(?:25)*5[Cc])"


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces these values (if not too short), and whatever looks like a token, in a line."""
    longest_first = sorted(
        {secret for secret in secrets if len(secret.strip("\\")) >= _SHORTEST}, key=len, reverse=True
    )
    known = [(_anchor(secret), _any_spelling(secret)) for secret in longest_first]

    def redact(line: str) -> str:
        for anchor, spelling in known:
            if anchor in line or "u00" in line:
                line = spelling.sub(MARK, line)
        for is_worth_it, pattern, replacement in _PATTERNS:
            if is_worth_it(line):
                line = pattern.sub(replacement, line)
        return line

    return redact


def _anchor(secret: str) -> str:
    """The longest part that every spelling leaves as it is: looking for it is fast."""
    return max(re.split(r"[^A-Za-z0-9]+", secret), key=len)


def _any_spelling(secret: str) -> re.Pattern[str]:
    r"""Raw, escaped as in JSON (also by \uXXXX) or repr(), percent-encoded, and each of these applied again."""
    # Backslashes at the end stay: taking more of them than the secret has could break the JSON around it.
    return re.compile("".join(map(_spellings, re.findall(r"\\+|[^\\]", secret.rstrip("\\")))))


def _spellings(part: str) -> str:
    """One character, or a run of backslashes, whose number escaping multiplies."""
    if part[0] == "\\":
        return rf"(?:{_BACKSLASH}{{{len(part)},}}+|{_unicode(part[0])}{{{len(part)}}})"
    if part.isascii() and part.isalnum():
        return rf"(?:{part}|{_unicode(part)})"
    encoded = "".join(rf"%(?:25)*(?i:{byte:02x})" for byte in part.encode())
    return rf"(?:{_BACKSLASH}*+(?:{re.escape(part)}|{encoded})|{_unicode(part)})"


def _unicode(character: str) -> str:
    r"""A character as \uXXXX; one beyond the first 65,536 as two of them."""
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "(?:" + "".join(rf"{_BACKSLASH}++u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4)) + ")"
