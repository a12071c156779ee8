"""The kinds of attack, in the order in which they are tried."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.campaigns.attacks.active_content import attack_browsers
from tests.campaigns.attacks.attacked import Result
from tests.campaigns.attacks.callbacks import fuzz_callbacks
from tests.campaigns.attacks.children import attack_from_children
from tests.campaigns.attacks.crowds import attack_in_crowds
from tests.campaigns.attacks.customers import attack_by_business, attack_by_names, attack_by_presses
from tests.campaigns.attacks.files import attack_by_files
from tests.campaigns.attacks.media_links import guess_links
from tests.campaigns.attacks.raw_http import attack_raw
from tests.campaigns.attacks.targets import attack_targets
from tests.campaigns.attacks.webhooks import fuzz_webhooks


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much is tried of what has no end."""

    callbacks: int  #: And calls of Telegram's webhook.
    guesses: int  #: Of media links.
    files: int  #: Mutated ones.
    presses: int
    targets: int  #: Inner addresses by a whole relay.
    pages: int  #: Files opened in a browser.


#: A minute's worth: the ordinary suite has it.
SHORT: Final = Amounts(callbacks=500, guesses=200, files=10, presses=50, targets=10, pages=5)

Attack = Callable[[Path, Amounts, Random], Awaitable[Result]]

KINDS: Final[Mapping[str, Attack]] = {
    "callbacks": lambda home, amounts, dice: fuzz_callbacks(home, amounts.callbacks, dice),
    "webhooks": lambda home, amounts, dice: fuzz_webhooks(home, amounts.callbacks, dice),
    "raw": lambda home, _, dice: attack_raw(home, dice),
    "crowds": lambda home, _, dice: attack_in_crowds(home, dice),
    "targets": lambda home, amounts, dice: attack_targets(home, amounts.targets, dice),
    "links": lambda home, amounts, dice: guess_links(home, amounts.guesses, dice),
    "files": lambda home, amounts, dice: attack_by_files(home, amounts.files, dice),
    "children": lambda home, _, dice: attack_from_children(home, dice),
    "browsers": lambda home, amounts, dice: attack_browsers(home, amounts.pages, dice),
    "names": lambda home, _, dice: attack_by_names(home, dice),
    "presses": lambda home, amounts, dice: attack_by_presses(home, amounts.presses, dice),
    "business": lambda home, _, dice: attack_by_business(home, dice),
}
