"""Stickers, voice messages and films with bytes and structure changed, through the children that decode them."""

import asyncio
import gzip
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from relay.media.subprocesses import run_child
from tests import media
from tests.campaigns.attacks.attacked import Result
from tests.campaigns.attacks.callbacks import bent, broken
from tests.inspection.made import film, m4a, moving, mp3, opus

_CONVERTER: Final = "relay.media.conversion.worker"
_LOOK: Final = "relay.media.inspection.look"
#: Seconds that any of them may take, by the clock; a small file has 5 seconds of work.
_PATIENCE: Final = 40.0
_AT_A_TIME: Final = 2
_SAMPLES: Final = Path(__file__).parents[2] / "samples" / "stickers"

#: What is changed, and who reads it.
KINDS: Final[dict[str, tuple[Callable[[], bytes], str, str]]] = {
    "voice": (lambda: media.voice(1.0), _CONVERTER, "audio/ogg"),
    "video sticker": (lambda: media.video_sticker(4, side=128), _CONVERTER, "video/webm"),
    "film": (film, _LOOK, "mp4"),
    "moving picture": (moving, _LOOK, "gif"),
    "music": (mp3, _LOOK, "mp3"),
    "music in m4a": (m4a, _LOOK, "mp4"),
    "speech": (opus, _LOOK, "ogg"),
}


def odd_sticker(dice: Random) -> bytes:
    """An animated sticker with its structure bent, its numbers gone wild, or as one of those that are known to kill."""
    known = [sample.read_bytes() for sample in sorted(_SAMPLES.iterdir())]
    if dice.random() < 0.1:
        return gzip.compress(dice.choice(known))
    drawing: dict[str, Any] = json.loads(dice.choice(known)) if dice.random() < 0.2 else media.lottie(12)
    for _ in range(dice.randrange(1, 5)):
        drawing = bent(drawing, dice)
    text = json.dumps(drawing)
    for number in ("512", "60", "100", "12", "1"):
        if dice.random() < 0.2:
            text = text.replace(f" {number}", f" {dice.choice(['-1', '1e9', '0', '4294967296', '1e308'])}", 1)
    return gzip.compress(text.encode())


def odd_file(dice: Random) -> tuple[str, bytes, str, str]:
    """What it is, its bytes, and who reads it."""
    if dice.random() < 0.4:
        return "animated sticker", odd_sticker(dice), _CONVERTER, "application/x-tgsticker"
    kind, (make, module, argument) = dice.choice(list(KINDS.items()))
    content = make()
    for _ in range(dice.randrange(1, 4)):
        content = broken(content or b"\0", dice)
    return kind, content, module, argument


async def attack_by_files(home: Path, count: int, dice: Random) -> Result:
    """So many files, each read by a child of its own."""
    result = Result("changed stickers, voices, films")
    ended: Counter[str] = Counter()
    places = asyncio.Semaphore(_AT_A_TIME)

    async def read(number: int) -> None:
        kind, content, module, argument = odd_file(dice)
        async with places:
            ended[await _read(home / str(number), content, (module, argument), f"{number} ({kind})", result)] += 1

    await asyncio.gather(*map(read, range(count)))
    result.tried = count
    left = [each for each in psutil.Process().children() if "relay.media.child" in each.cmdline()]
    result.expect(f"{len(left)} processes stay", held=not left)
    result.note = ", ".join(f"{how}: {times}" for how, times in ended.most_common())
    return result


async def _read(folder: Path, content: bytes, work: tuple[str, str], name: str, result: Result) -> str:
    """Whether something was made of it, it was refused, or its reader died of it."""
    folder.mkdir(parents=True)  # noqa: ASYNC240 - a file in a test's folder
    source, made = folder / "source", folder / "result"
    source.write_bytes(content)
    began = time.monotonic()
    code, _ = await run_child(work[0], source, made, work[1], seconds=_PATIENCE)
    result.expect(f"{name}: it took too long", held=time.monotonic() - began < _PATIENCE)
    result.expect(f"{name}: files appeared", held=_in(folder) <= {source, made})
    result.expect(f"{name}: its source was changed", held=source.read_bytes() == content)
    if code < 0:
        return "died"
    return "made" if code == 0 else "refused"


def _in(folder: Path) -> set[Path]:
    return set(folder.iterdir())
