"""What a store does on a disk that is full or broken: `python -m tests.store.broken_disk full|fsync DIRECTORY`.

It says what came of it, line by line. `test_place.py` gives it such a disk.
"""

import asyncio
import sys
from pathlib import Path

from relay.errors import StoreFull, StoreLost, Unavailable
from relay.model import Delivered
from relay.store.store import Store, open_store
from tests.databases import new_database
from tests.store.letters import CHANNEL, update


async def full(directory: Path) -> None:
    """Fill the disk, settle what is in hand, make room."""
    async with open_store(new_database(directory)) as store:
        for number in range(20):
            await store.accept(update(number, client=str(number + 1)))
        held = (await store.claim(CHANNEL, "to_kit", 20)).deliveries
        filler = directory / "filler"
        _fill(filler)
        await _fill_the_log(store)
        _fill(directory / "last bytes")
        settled = await asyncio.gather(*(store.settle(each, Delivered()) for each in held))
        print(f"{sum(settled)} settled")  # noqa: T201
        try:
            await store.accept(update(90_000))
            print("accepted too early")  # noqa: T201
        except StoreFull:
            print("refused")  # noqa: T201
        filler.unlink()
        await _accept_in_the_end(store)


def _fill(path: Path) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        pass


async def _fill_the_log(store: Store) -> None:
    for number in range(10_000):
        try:
            await store.accept(update(1000 + number, client="99", body="x" * 10_000))
        except StoreFull:
            return


async def _accept_in_the_end(store: Store) -> None:
    while True:
        try:
            await store.accept(update(90_001))
        except Unavailable:
            await asyncio.sleep(0.1)
            continue
        print("accepted")  # noqa: T201
        return


async def fsync(directory: Path) -> None:
    """Accept until the disk does not keep what was written."""
    async with open_store(directory / "relay.db") as store:
        try:
            for number in range(100):
                await store.accept(update(number))
        except StoreLost:
            print("lost")  # noqa: T201
        try:
            await store.accept(update(1000))
        except StoreLost:
            print("lost")  # noqa: T201


if __name__ == "__main__":
    asyncio.run({"full": full, "fsync": fsync}[sys.argv[1]](Path(sys.argv[2])))
