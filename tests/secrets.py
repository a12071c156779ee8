"""Looking for secrets where none may be."""

import json
from collections.abc import Iterable
from urllib.parse import quote


def spellings(*secrets: str) -> set[bytes]:
    """Each secret as it is, percent-encoded, and as it looks within JSON."""
    bare = {*secrets, *(secret.partition(":")[2] for secret in secrets if ":" in secret)}
    spelt = {spelling for secret in bare for spelling in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])}
    return {spelling.encode() for spelling in spelt}


def secrets_in(haystacks: Iterable[bytes], secrets: Iterable[bytes]) -> list[bytes]:
    """What stands before each secret that was found."""
    needles = list(secrets)
    found = []
    for haystack in haystacks:
        for secret in needles:
            at = haystack.find(secret)
            if at >= 0:
                found.append(haystack[max(0, at - 200) : at])
    return found
