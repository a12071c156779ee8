"""Versions that an installation must not be older than, and the advisories that say so. Pure.

Kept by hand: an operator's machine need not ask anybody else to know what was known when this version was made.
"""

import re
from typing import Final

FLOORS: Final = {
    "aiohttp": ("3.14.5", "GHSA-4fvr-rgm6-gqmc, PYSEC-2026-4369"),
    "certifi": ("2024.7.4", "CVE-2024-39689"),
    "h11": ("0.16.0", "CVE-2025-43859"),
    "idna": ("3.7", "CVE-2024-3651"),
    "mako": ("1.2.2", "CVE-2022-40023"),
    "pydantic": ("2.4.0", "CVE-2024-3772"),
}


def is_older(version: str, floor: str) -> bool:
    """Whether a version comes before the floor: by the numbers of its release, as all of the above have them."""
    return _release(version) < _release(floor)


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(number) for number in found.group().split(".")) if found else ()
