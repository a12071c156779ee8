"""The attack on a secret-prefix MD5: from a digest and the secret's length to a longer text's digest (RFC 1321)."""

import math
import struct

_SHIFTS = [7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4
_SINES = [int(abs(math.sin(step + 1)) * 2**32) & 0xFFFFFFFF for step in range(64)]


def padding(length: int) -> bytes:
    """What MD5 appends to a text of `length` bytes."""
    return b"\x80" + b"\0" * ((55 - length) % 64) + struct.pack("<Q", length * 8)


def extend(digest: str, length: int, suffix: bytes) -> tuple[bytes, str]:
    """What to append to the unknown text of `length` bytes behind `digest`, and the digest of the result."""
    glue = padding(length)
    state = struct.unpack("<4I", bytes.fromhex(digest))
    rest = suffix + padding(length + len(glue) + len(suffix))
    for start in range(0, len(rest), 64):
        state = _compress(state, rest[start : start + 64])
    return glue + suffix, struct.pack("<4I", *state).hex()


def _compress(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = struct.unpack("<16I", block)
    a, b, c, d = state
    for step in range(64):
        match step // 16:
            case 0:
                mixed, word = (b & c) | (~b & d), step
            case 1:
                mixed, word = (d & b) | (~d & c), (5 * step + 1) % 16
            case 2:
                mixed, word = b ^ c ^ d, (3 * step + 5) % 16
            case _:
                mixed, word = c ^ (b | (~d & 0xFFFFFFFF)), (7 * step) % 16
        total = (a + mixed + _SINES[step] + words[word]) & 0xFFFFFFFF
        turned = (total << _SHIFTS[step] | total >> (32 - _SHIFTS[step])) & 0xFFFFFFFF
        a, d, c, b = d, c, b, (b + turned) & 0xFFFFFFFF
    return tuple((old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d), strict=True))
