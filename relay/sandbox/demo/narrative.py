"""The demo in the terminal: a conversation that is played, what arrives from then on, and how to go on by hand."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, TypeVar

import aiohttp
import click

from relay.sandbox.kit.ledger import Sent
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.page.cast import CAST
from relay.sandbox.page.process import Line
from relay.sandbox.page.samples import sample
from relay.sandbox.shared.changes import Changes
from relay.sandbox.telegram.ledger import Call
from relay.sandbox.telegram.server import TelegramLookAlike

Entry = TypeVar("Entry")

CUSTOMER: Final = "Telegram"
AGENT: Final = "Kit"
RELAY: Final = "relay"
_COLOURS: Final = {CUSTOMER: "cyan", AGENT: "magenta", RELAY: "green"}
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FRAME: Final = frozenset({"timestamp", "level", "event"})


class Narrative:
    """One conversation, seen from both ends."""

    def __init__(self, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
        self._telegram = telegram
        self._kit = kit
        self._anna = telegram.customer(CAST[0].id)

    async def play(self) -> None:
        """A customer asks, an agent answers, a photo goes each way."""
        anna, client = self._anna, str(self._anna.id)
        say(CUSTOMER, "Anna writes:  Hello! My parcel arrived damaged.")
        anna.writes("Hello! My parcel arrived damaged.")
        await self._joao_comes()
        photo = sample("parcel.jpg").data
        say(CUSTOMER, f"Anna sends a photo ({len(photo):,} bytes):  Look at this")
        anna.sends_photo(photo, caption="Look at this")
        await self._kit.wait_for(lambda: len(self._kit.messages(client)) == 2, 30)
        for sent in self._kit.messages(client):
            say(AGENT, f"the desk shows:  {sent.text}")
            for item in sent.payload:
                say(AGENT, f"        {item['type']}:  {item['file_url']}")
                await self._open(item["file_url"], photo)
        answer = "I am sorry! A new one is on its way, here is the label."
        say(AGENT, f"the agent answers, with a photo:  {answer}")
        label = sample("label.jpg")
        url = self._kit.host_file(label.data, label.name, label.mime_type)
        await self._kit.agent_says(client, answer, [{"type": "photo", "file_name": label.name, "file_url": url}])
        chat = self._telegram.chat(self._anna.id)
        await self._telegram.wait_for(lambda: chat.captions)
        say(CUSTOMER, f"Anna sees a photo:  {chat.captions[-1]}")

    async def _joao_comes(self) -> None:
        """By a link; until the relay knows Anna's picture.

        It looks one up after the other, but keeps together what it looks up for those who came together: so he comes
        when it asks for hers, and when it asks for his, it has hers.
        """
        joao = self._telegram.customer(CAST[1].id)
        await self._asks_for(self._anna.id)
        joao.starts(CAST[1].payload)
        joao.writes("Olá! O vosso envio para Lisboa ainda demora?")
        await self._asks_for(joao.id)

    async def _asks_for(self, user_id: int) -> None:
        """Until the relay asks for a customer's picture. One that has kept its database has Anna's already."""
        anna = str(self._anna.id)
        asked = self._telegram.wait_for(lambda: user_id in {one.params["user_id"] for one in self._telegram.lookups})
        known = self._kit.wait_for(
            lambda: any("client_avatar" in sent.client_data for sent in self._kit.messages(anna))
        )
        waiting = [asyncio.create_task(one) for one in (asked, known)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def others_write(self) -> None:
        """More of the other customers, so that the desk has a choice; and when the relay knows their pictures."""
        joao, maria = (self._telegram.customer(person.id) for person in CAST[1:3])
        maria.writes("Здравствуйте! Можно поменять адрес доставки?")
        with suppress(TimeoutError):  # the page is open: somebody may have taken a side down already
            # One is asked about after the other: of whoever came before, the picture is known.
            both = {joao.id, maria.id}
            await self._telegram.wait_for(lambda: both <= {one.params["user_id"] for one in self._telegram.lookups})
            joao.writes("É uma prenda de anos.")
            await self._kit.wait_for(lambda: len(self._kit.messages(joao.id)) == 3)
            maria.writes("Это срочно.")
            await self._kit.wait_for(lambda: len(self._kit.messages(maria.id)) == 2)

    @staticmethod
    async def _open(url: str, expected: bytes) -> None:
        """What the agent's browser does."""
        async with aiohttp.ClientSession() as browser, browser.get(url) as response:
            body = await response.read()
        same = "the same bytes" if body == expected else "OTHER BYTES"
        say(AGENT, f"        the browser opens it: {response.status} {response.content_type}, {same}")

    async def follow(self) -> None:
        """Say what arrives at either end from now on, until cancelled."""
        await asyncio.gather(
            _each_new(self._kit.changes, lambda: self._kit.events, _say_event),
            _each_new(self._telegram.changes, lambda: self._telegram.calls, _say_call),
        )

    def hints(self, admin_url: str) -> str:
        """How to go on by hand."""
        customer = f"{self._telegram.url}/sandbox/customers/{self._anna.id}/messages"
        agent = f"{self._kit.url}/sandbox/agents/{self._anna.id}/messages"
        down, up = shlex.quote('{"down": true}'), shlex.quote('{"down": false}')
        return f"""
Now talk yourself, on the page or from here; what arrives is shown here:
  as the customer   curl -d '{{"text": "Thank you!"}}' {customer}
  ... with a file   curl -F caption='my invoice' -F file=@README.md {customer}
  as the agent      curl -d '{{"text": "You are welcome"}}' {agent}
What each end has seen:
  Telegram          curl {customer}
  Kit               curl {self._kit.url}/sandbox/clients/{self._anna.id}/messages
Break things, and see that nothing is lost:
  Kit down          curl -d {down} {self._kit.url}/sandbox/faults
  ... up again      curl -d {up} {self._kit.url}/sandbox/faults
  Telegram down     curl -d {down} {self._telegram.url}/sandbox/faults
  ... up again      curl -d {up} {self._telegram.url}/sandbox/faults
Look at the relay:
  is it well?       curl {admin_url}/readyz
  figures           curl {admin_url}/metrics
  ... as a page     {admin_url}/"""


def say(who: str, line: str) -> None:
    """One line of the terminal."""
    now = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    click.echo(f"{now}  {click.style(f'{who:<8}', fg=_COLOURS[who], bold=True)}  {line}")


def say_line(line: Line, level: str) -> None:
    """A line of the relay's log, if it is of this level or above."""
    own = str(line.get("level", "")).upper()
    if own not in _LEVELS or _LEVELS.index(own) >= _LEVELS.index(level):
        fields = " ".join(f"{name}={value}" for name, value in line.items() if name not in _FRAME)
        say(RELAY, _one_line(f"{own.lower()}: {line['event']} {fields}"))


async def _each_new(changes: Changes, ledger: Callable[[], Sequence[Entry]], tell: Callable[[Entry], None]) -> None:
    """Call `tell` with whatever is added to a look-alike's ledger."""
    seen = len(ledger())

    def changed() -> bool:
        return len(ledger()) != seen

    while True:
        await changes.wait_for(changed, None)
        entries = ledger()
        for entry in entries[seen if len(entries) > seen else 0 :]:  # it is shorter after a reset
            tell(entry)
        seen = len(entries)


def _say_event(sent: Sent) -> None:
    again = "  (again, under the same id)" if sent.duplicate else ""
    say(AGENT, f"client {sent.client_id}:  {_one_line(sent.text)}{again}")
    for item in sent.payload:
        if "file_url" in item:
            say(AGENT, f"        {item['type']}:  {item['file_url']}")


def _say_call(call: Call) -> None:
    if call.message_id is not None:
        said = call.params.get("text", call.params.get("caption"))
        say(CUSTOMER, f"chat {call.chat_id} gets {call.method}:  {_one_line(said)}")


def _one_line(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if line.isprintable() else repr(line)[1:-1]
