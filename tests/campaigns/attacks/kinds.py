"""The kinds of attack, in the order in which they are tried."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.campaigns.attacks.attacked import Result
from tests.campaigns.attacks.callbacks import fuzz_callbacks
from tests.campaigns.attacks.raw_http import attack_raw


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is tried of what has no end."""

    callbacks: int
    guesses: int  #: Of media links.
    files: int  #: Mutated ones.
    presses: int


Attack = Callable[[Path, Amounts, Random], Awaitable[Result]]

KINDS: Final[Mapping[str, Attack]] = {
    "callbacks": lambda home, amounts, dice: fuzz_callbacks(home, amounts.callbacks, dice),
    "raw": lambda home, _, dice: attack_raw(home, dice),
}
