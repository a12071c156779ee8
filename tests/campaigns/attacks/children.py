"""A child that a file has taken over, on this kernel and on one that knows as little of Landlock as Debian 12's."""

from pathlib import Path
from random import Random

from relay.media.confinement.closing import lacking
from tests.campaigns.attacks.attacked import Result
from tests.campaigns.confinement import tried


async def attack_from_children(_home: Path, _dice: Random) -> Result:
    """Everything that it can try."""
    result = Result("a child that was taken over")
    if lacking():
        result.note = f"not tried: this kernel lacks {' and '.join(lacking())}"
        return result
    for name, lacks in (("this kernel", []), ("Debian 12's", ["newer than 2"])):
        attempts, through = await tried(lacks)
        result.tried += attempts
        result.got_through += [f"{name}: {what}: {how}" for what, how in through.items()]
    return result
