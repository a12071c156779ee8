"""Texts under `parse_mode` HTML, read as the Bot API's server reads them.

https://core.telegram.org/bots/api#html-style; the refusals are those of https://github.com/tdlib/td
(`MessageEntity.cpp`).
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from relay.sandbox.telegram.methods import utf16_length
from relay.sandbox.telegram.refusal import Refused, bad_request

Entities = list[dict[str, Any]]

_KINDS: Final = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "code": "code",
    "pre": "pre", "blockquote": "blockquote", "a": "text_link", "span": "spoiler", "tg-emoji": "custom_emoji",
}  # fmt: skip
#: The only names of characters that the server knows.
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TOKEN: Final = re.compile(
    r"""(?P<text>[^<&]+)
    | &(?:\#(?P<decimal>[0-9]{1,7}) | \#x(?P<hexadecimal>[0-9A-Fa-f]{1,6}) | (?P<named>lt|gt|amp|quot));?
    | </(?P<end>[^\s>]*)\s*>
    | <(?P<start>[^\s>/][^\s>]*|)(?P<attributes>(?:"[^"]*"|'[^']*'|[^>"'])*)>
    | (?P<rest>.)""",
    re.VERBOSE | re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(r"""([^\s=]+)\s*(?:=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?""")


@dataclass(frozen=True, slots=True)
class _Open:
    """A tag that waits for its end."""

    tag: str
    attributes: dict[str, str]
    offset: int  #: UTF-16 units.


def read_html(source: str) -> tuple[str, Entities]:
    """The plain text and its entities. Raises Refused (400) with the server's words and the place in bytes."""
    text, entities, still_open = "", [], list[_Open]()
    for token in _TOKEN.finditer(source):
        place = f"at byte offset {len(source[: token.start()].encode())}"
        if token["start"] is not None:
            still_open.append(_opened(token, utf16_length(text), place))
        elif token["end"] is not None:
            entities += _closed(token["end"].lower(), still_open, text, place)
        else:
            text += _characters(token, place)
    if still_open:
        raise _wrong(f'Can\'t find end tag corresponding to start tag "{still_open[-1].tag}"')
    return text, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _characters(token: re.Match[str], place: str) -> str:
    if token["decimal"] or token["hexadecimal"]:
        number = int(token["decimal"] or token["hexadecimal"], 10 if token["decimal"] else 16)
        return chr(number) if 0 < number < 0x110000 and not 0xD800 <= number < 0xE000 else token[0]
    if token["named"]:
        return _NAMED[token["named"]]
    if token["rest"] == "<":
        kind = "end" if token.string[token.end() : token.end() + 1] == "/" else "start"
        raise _wrong(f"Unclosed {kind} tag {place}")
    return token[0]


def _opened(token: re.Match[str], offset: int, place: str) -> _Open:
    tag = token["start"].lower()
    if tag not in _KINDS:
        raise _wrong(f'Unsupported start tag "{tag}" {place}')
    found = _ATTRIBUTE.findall(token["attributes"])
    attributes = {name.lower(): double or single or bare for name, double, single, bare in found}
    if tag == "span" and attributes.get("class") != "tg-spoiler":
        raise _wrong(f'Tag "span" must have class "tg-spoiler" {place}')
    return _Open(tag, attributes, offset)


def _closed(tag: str, still_open: list[_Open], text: str, place: str) -> Entities:
    """The entity that ends here; none around nothing."""
    if not still_open:
        raise _wrong(f"Unexpected end tag {place}")
    opened = still_open.pop()
    if tag and tag != opened.tag:
        raise _wrong(f'Unmatched end tag {place}, expected "</{opened.tag}>", found "</{tag}>"')
    length = utf16_length(text) - opened.offset
    extra = _extra(opened, text)
    if not length or extra is None:
        return []
    return [{"type": _KINDS[opened.tag], "offset": opened.offset, "length": length, **extra}]


def _extra(opened: _Open, text: str) -> dict[str, str] | None:
    """What the entity has beside its place; None if it is none after all."""
    match opened.tag:
        case "a":
            units = text.encode("utf-16-le")[2 * opened.offset :]
            url = opened.attributes.get("href") or units.decode("utf-16-le")
            return {"url": url} if "." in url else None
        case "tg-emoji":
            number = opened.attributes.get("emoji-id", "")
            return {"custom_emoji_id": number} if number.isdecimal() else None
        case _:
            return {}


def _wrong(why: str) -> Refused:
    return bad_request(f"can't parse entities: {why}")
