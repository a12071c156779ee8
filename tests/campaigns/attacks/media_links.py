"""Guessed media links: whoever does not have one gets nothing, and learns nothing."""

import asyncio
import string
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlsplit

from relay.sandbox.shared.content import png
from tests.campaigns.attacks.attacked import ANNA, Result, attacked
from tests.campaigns.attacks.raw import Line, lines

_ALPHABET: Final = string.ascii_letters + string.digits + "-_"
_LINES: Final = 8


def guess(real: str, dice: Random) -> str:
    """A link's id that is like the real one, or like none."""
    at = dice.randrange(len(real))
    other = dice.choice(_ALPHABET)
    guesses = [
        "".join(dice.choices(_ALPHABET, k=22)),
        real[:at] + other + real[at + 1 :],
        real[:at],
        real + other,
        real[:at] + real[at + 1 :] + other,
        real.swapcase(),
        real[::-1],
        real[: at or 1] + "%00" + real[at:],
        f"{real}%2f..",
        f"..%2f{real}",
        f"{real}'--",
        f"%{ord(real[0]) + 256:x}{real[1:]}",
    ]
    return dice.choice([each for each in guesses if each != real])


async def guess_links(home: Path, count: int, dice: Random) -> Result:
    """So many guesses beside one file, which is there."""
    result = Result("guessed media links", count)
    async with attacked(home) as desk:
        desk.telegram.customer(ANNA).sends_photo(png())
        await desk.kit.wait_for(lambda: len(desk.kit.messages(ANNA)) == 2, 20)
        link = urlsplit(desk.kit.messages(ANNA)[1].payload[0]["file_url"])
        _, _, real, name = link.path.split("/")
        answered: Counter[int | None] = Counter()
        numbers = iter(range(count))

        async def work(line: Line) -> None:
            for _ in numbers:
                tried = guess(real, dice)
                method = dice.choice(["GET", "HEAD"])
                path = f"/media/{tried}" + dice.choice(["", f"/{name}", "/x", "/"])
                status = await line.ask(f"{method} {path} HTTP/1.1\r\nHost: relay\r\n\r\n".encode(), b"", method=method)
                answered[status] += 1
                result.expect(f"{path}: {status}", held=status in {404, 400})

        async with lines(desk.relay.port, _LINES) as opened:
            await asyncio.gather(*map(work, opened))
            there = await opened[0].ask(f"GET {link.path} HTTP/1.1\r\nHost: relay\r\n\r\n".encode(), b"")
            result.expect(f"the real one answers {there}", held=there == 200)
        result.note = ", ".join(f"{status}: {times}" for status, times in sorted(answered.items(), key=str))
        await desk.check(result)
    return result
