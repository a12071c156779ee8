"""Who answers at the public port while Kit tests the callback's address, and how long that is waited for."""

import math
import select
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import aiohttp
import click

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.doctor.public import answers, leads_here
from relay.doctor.stand_in import StandIn, standing_in_beside
from relay.settings.channels import Channel
from relay.web.serving import CannotListenError

#: Seconds between two looks at who has asked, and whether Enter was pressed.
_LOOK: Final = 0.2


@dataclass(slots=True)
class KitsTest:
    """Kit's test of one channel's callback: somebody answers from the first question about the address on."""

    stack: ExitStack  #: Ends the answering.
    stand_in: StandIn | None = None  #: Who answers; None: nobody does yet, or a relay that runs.
    port: int = 0
    why_not: str = ""  #: Why nobody of ours can answer.

    async def address_leads_here(self, channel: Channel) -> Finding:
        """Whether the public address leads to us, or to a relay that runs already."""
        settings = channel.settings
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            if self.stand_in is not None:
                return await leads_here(settings, session, self.stand_in)
            found = await answers(channel, session)
        if found.verdict == "well":
            return well("public address", f"{settings.relay_public_url} leads to the relay that runs; it answers Kit")
        remedy = "Stop what runs there, or set RELAY_PORT to a free port. Then give the same address again."
        return wrong("public address", f"{self.why_not} {found.words}", remedy)

    def begin(self, channel: Channel) -> None:
        """Answer from now on, if nobody else does."""
        if self.stand_in is not None:
            return
        settings = channel.settings
        beside = standing_in_beside(settings.relay_host, settings.relay_port, channel.callback_path)
        try:
            self.stand_in, self.port = self.stack.enter_context(beside)
        except CannotListenError as error:
            self.why_not = str(error)

    def wait(self, patience: float | None, *, by_key: bool) -> Finding:
        """Until Kit has asked with a signature, `patience` seconds are over, or Enter was pressed."""
        if self.stand_in is None:
            return skipped("callback", "a relay that runs answers Kit's test itself")
        click.echo(f"Waiting on port {self.port} for Kit's test request{' (Enter goes on without it)' * by_key} …")
        if self._signed(self.stand_in, patience, by_key=by_key):
            return well("callback", "a signed test request came in")
        if self.stand_in.unsigned:
            return skipped("callback", "somebody asked, but without a signature: was it Kit, or a stranger?")
        return skipped("callback", "Kit has not asked; the channel may be there already")

    @staticmethod
    def _signed(stand_in: StandIn, patience: float | None, *, by_key: bool) -> bool:
        until = math.inf if patience is None else time.monotonic() + patience
        told = False
        while not stand_in.signed.wait(_LOOK) and time.monotonic() < until:
            if stand_in.unsigned and not told:
                click.echo("Somebody asked without a signature, as a browser or a scanner does. Still waiting …")
                told = True
            if by_key and select.select([sys.stdin], [], [], 0)[0]:
                sys.stdin.readline()
                break
        return stand_in.signed.is_set()
