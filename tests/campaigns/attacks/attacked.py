"""A relay that is attacked: a real process between look-alikes, whose state after the attack is looked at."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, relay_between
from tests.secrets import secrets_in, spellings

ANNA: Final = 107804195
#: Stands in everything that must not get through.
FORGED: Final = "FORGED"
#: In every line of these the relay says that it met a bug of its own.
BUGS: Final = frozenset({"loop.exception", "process.crashed", "exception.not_raised", "log.unreadable"})


@dataclass
class Result:
    """What was tried, and what of it got through."""

    name: str
    tried: int = 0
    got_through: list[str] = field(default_factory=list)
    note: str = ""  #: What else is worth knowing.

    def expect(self, what: str, *, held: bool) -> None:
        """Note an attack that was not held off."""
        if not held:
            self.got_through.append(what)


@dataclass
class Attacked:
    """The relay, and both its sides. Anna has written, and is the only customer."""

    relay: RelayProcess
    telegram: TelegramLookAlike
    kit: KitLookAlike

    @property
    def home(self) -> Path:
        """Where its database and its log lie."""
        return self.relay.home

    async def talks(self, result: Result, word: str) -> None:
        """Honest messages still go both ways."""
        try:
            self.telegram.customer(ANNA).writes(word)
            await self.kit.wait_for(lambda: word in self.kit.texts(ANNA), 20)
            answered = await self.kit.agent_says(str(ANNA), word)
            await self.telegram.wait_for(lambda: word in self.telegram.chat(ANNA).texts, 20)
        except TimeoutError:
            answered = None
        result.expect(f"{word}: honest messages do not pass any more", held=answered == 200)

    async def check(self, result: Result, *, said: Iterable[bytes] = ()) -> None:
        """What must hold after any attack: it runs, accounts for everything, and has told no secret."""
        process = self.relay.process
        result.expect("the process ended", held=process is not None and process.returncode is None)
        await self.talks(result, f"after {result.name}")
        for direction, figures in (await self.relay.all_figures()).items():
            result.expect(f"{direction}: a letter is not accounted for", held=figures.unaccounted == 0)
        forged = [call for call in self.telegram.calls if FORGED in json.dumps(call.params, ensure_ascii=False)]
        result.expect(f"{len(forged)} forged messages reached Telegram", held=not forged)
        chats = {call.chat_id for call in self.telegram.calls if call.chat_id is not None}
        result.expect(f"strangers were written to: {chats}", held=chats <= {ANNA})
        _look_into_log(result, self.relay.log)
        files = [path.read_bytes() for path in self.home.glob("relay.db*")]
        secrets = spellings(self.telegram.token, self.kit.api_token, self.kit.salt, *self.kit.tokens.issued)
        told = secrets_in([self.relay.log.encode(), *files, *said], secrets)
        result.expect(f"{len(told)} secrets were told", held=not told)


def _look_into_log(result: Result, log: str) -> None:
    for line in log.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            result.expect(f"a line of the log is none: {line[:100]!r}", held=False)
            continue
        name = event.get("event", "")
        result.expect(f"{name}: {line[:300]}", held=name not in BUGS and not name.endswith(".bug"))


@asynccontextmanager
async def attacked(home: Path, **settings: str) -> AsyncIterator[Attacked]:
    """A relay that runs and knows Anna."""
    home.mkdir()  # noqa: ASYNC240 - before anything runs
    async with (
        TelegramLookAlike(limits=False) as telegram,
        KitLookAlike() as kit,
        relay_between(telegram, kit, home, **settings) as relay,
    ):
        telegram.customer(ANNA).writes("hello")
        await relay.start()
        await kit.wait_for(lambda: kit.messages(ANNA), 20)
        yield Attacked(relay, telegram, kit)
        await asyncio.wait_for(relay.stop(), 25)
