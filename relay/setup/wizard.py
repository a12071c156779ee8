"""The conversation of `relay setup`: it asks, proves each answer where it can, and writes them down.

Kit makes a hen-and-egg problem: it tests the callback's address while the channel is being created, and only then
shows the channel's salt and UUID. So between the two halves of the questions somebody answers at the public port.
"""

import asyncio
import math
import select
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import click

from relay.doctor.channels_to_check import PENDING, with_stand_ins
from relay.doctor.finding import MARKS, Finding, skipped, well, wrong
from relay.doctor.kit import check_kit
from relay.doctor.public import leads_here
from relay.doctor.stand_in import StandIn, standing_in_beside
from relay.doctor.telegram import check_bot
from relay.kit.signature import channel_test_form_of
from relay.settings.loading import SettingsError
from relay.settings.schema import Settings
from relay.setup.env_file import write_env
from relay.setup.questions import (
    ADDRESS,
    API_TOKEN,
    BOT,
    CHANNEL,
    DOMAIN,
    PLACE,
    QUESTIONS,
    SALT,
    Question,
    read_answer,
)
from relay.web.serving import CannotListenError

CALLBACK: Final = "/kit/callback"
#: Seconds between two looks at who has asked, and whether Enter was pressed.
_LOOK: Final = 0.2
_COLOURS: Final = {"well": "green", "wrong": "red", "skipped": "yellow"}


class GaveUpError(Exception):
    """The set-up did not get to its end. The message says why."""


@dataclass(slots=True)
class Wizard:
    """One run. `given` are answers that need not be asked for; `known` is what the file says, offered as it is.

    `around` is what the environment says of everything else: where Telegram is, where to listen.
    """

    env_file: Path
    given: Mapping[str, str]
    known: Mapping[str, str]
    around: Mapping[str, str]
    asks: bool  #: Somebody is there to answer.
    proves: bool = True  #: Telegram and Kit may be asked.
    patience: float | None = None  #: Seconds to wait for Kit's test; None: as long as it takes.
    answers: dict[str, str] = field(default_factory=dict)
    stand_in: StandIn | None = None  #: Who answers Kit's test.

    async def run(self) -> None:
        """From the first question to the file. Raises GaveUpError; or what broke it off, and keeps the answers."""
        try:
            await self._talk()
        except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
            if self.answers and self._write():
                click.echo(f"\nWhat was answered so far is in {self.env_file}; run this again to go on.")
            raise
        self._heading("Done")
        if self._write():
            click.echo(f"{self.env_file} is written, and only you may read it.")
        other = "" if self.env_file == Path(".env") else f" --env-file {self.env_file}"
        click.echo(
            f"Now: relay run{other}, and beside it relay check{other}. With docker compose: docker compose up -d."
        )

    async def _talk(self) -> None:
        if not self.asks:
            self._check_all()
        self._heading("The bot")
        await self._ask(BOT)
        self._heading("The address")
        await self._ask(ADDRESS)
        self._heading("The Kit account")
        for question in (PLACE, DOMAIN, API_TOKEN):
            await self._ask(question)
        self._heading("The channel in Kit")
        settings = self._settings()
        click.echo(
            "In Kit: Setup > Conversations > Channels > Custom channel. Fill in, choose the same API token, and save:\n"
            f"  callback URL  {click.style(settings.relay_public_url + CALLBACK, bold=True)}"
        )
        with ExitStack() as stack:
            if self.patience != 0:
                await self._stand_in(settings, stack)
            # Somebody goes on answering: Kit may ask again before the channel is saved.
            await self._ask(SALT)
            await self._ask(CHANNEL)

    def _check_all(self) -> None:
        """Nobody is there to be asked: say at once all that is missing or cannot be right. Raises GaveUpError."""
        lines = []
        for question in QUESTIONS:
            try:
                self._answer(question)
            except GaveUpError as error:
                lines.append(str(error))
        if lines:
            raise GaveUpError("\n".join(lines))

    def _heading(self, text: str) -> None:
        click.secho(f"\n{text}", bold=True)

    async def _ask(self, question: Question) -> None:
        """Ask until the answer can be used, and proves right or is to be used all the same."""
        while True:
            self.answers |= self._answer(question)
            findings = await self._prove(question) if self.proves else []
            for finding in findings:
                _show(finding)
            if all(finding.verdict != "wrong" for finding in findings):
                return
            if not self.asks:
                raise GaveUpError(f"{question.field.upper()} did not prove right; nothing was written.")
            if click.confirm("Use it all the same?", default=False):
                return
            self.given = {name: value for name, value in self.given.items() if name not in self.answers}

    def _answer(self, question: Question) -> dict[str, str]:
        given = self._offered(question, self.given)
        if given or not self.asks:
            try:
                return read_answer(question, given or self._offered(question, self.known))
            except SettingsError as error:
                raise GaveUpError(error.lines[0] if given else f"{question.field.upper()} is missing.") from None
        click.echo(click.style(question.where, dim=True))
        while True:
            text = self._prompt(question)
            try:
                return read_answer(question, text)
            except SettingsError as error:
                click.secho(f"{MARKS['wrong']} {error.lines[0]}", fg="red")

    def _prompt(self, question: Question) -> str:
        offered = self._offered(question, self.known)
        hint = " [Enter keeps the one that is set]" if question.secret and offered else ""
        answer = click.prompt(
            f"{question.prompt}{hint}",
            default=offered or None,
            hide_input=question.secret,
            show_default=not question.secret,
        )
        return str(answer)

    @staticmethod
    def _offered(question: Question, values: Mapping[str, str]) -> str:
        offered = values.get(question.field, "") or (values.get("kit_api_url", "") if question is PLACE else "")
        return "" if offered == PENDING else offered

    async def _prove(self, question: Question) -> list[Finding]:
        settings = self._settings()
        if question is BOT:
            return await check_bot(settings)
        if question is SALT:
            return self._prove_salt(settings)
        if question is not CHANNEL:
            return []
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            return await check_kit(settings, session)

    def _prove_salt(self, settings: Settings) -> list[Finding]:
        signatures = set() if self.stand_in is None else set(self.stand_in.signatures)
        if not signatures:
            return [
                skipped("signature", "not proven: Kit has not asked with one; relay check does it once the relay runs")
            ]
        salt, token = settings.kit_security_salt.get_secret_value(), settings.kit_api_token.get_secret_value()
        if any(channel_test_form_of(each, salt, token) for each in signatures):
            return [well("signature", "Kit's test request was signed with this salt and this API token")]
        remedy = "Is it this channel's salt, and is the API token the one chosen in its form?"
        return [wrong("signature", "who asked had signed with other secrets", remedy)]

    def _settings(self) -> Settings:
        """As a relay would have them now."""
        answers = {name: value for name, value in self.answers.items() if value}
        return with_stand_ins({**self.known, **self.around, **answers})

    async def _stand_in(self, settings: Settings, stack: ExitStack) -> None:
        """Answer at the public port from now on, and wait until Kit has asked, or nobody wants to wait any more."""
        try:
            beside = standing_in_beside(settings.relay_host, settings.relay_port, CALLBACK)
            self.stand_in, port = stack.enter_context(beside)
        except CannotListenError as error:
            _show(skipped("callback", f"{error} If the relay runs there, it answers Kit's test itself"))
            return
        if self.proves:
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
                _show(await leads_here(settings, session, self.stand_in))
        click.echo(f"Waiting on port {port} for Kit's test request" + self._way_out())
        if self._wait(self.stand_in):
            _show(well("callback", "a signed test request came in"))
        elif self.stand_in.unsigned:
            _show(skipped("callback", "somebody asked, but without a signature: was it Kit, or a stranger?"))
        else:
            _show(skipped("callback", "Kit has not asked; the channel may be there already"))

    def _by_key(self) -> bool:
        return self.asks and sys.stdin.isatty()

    def _way_out(self) -> str:
        return " (Enter goes on without it) …" if self._by_key() else " …"

    def _wait(self, stand_in: StandIn) -> bool:
        """Until somebody has signed, Enter is pressed, or patience ends. Whether somebody has signed."""
        until = math.inf if self.patience is None else time.monotonic() + self.patience
        told = False
        while not stand_in.signed.wait(_LOOK) and time.monotonic() < until:
            if stand_in.unsigned and not told:
                click.echo("Somebody asked without a signature, as a browser or a scanner does. Still waiting …")
                told = True
            if self._by_key() and select.select([sys.stdin], [], [], 0)[0]:
                sys.stdin.readline()
                break
        return stand_in.signed.is_set()

    def _write(self) -> bool:
        """Write down what is new. False: nothing is. Raises GaveUpError."""
        changed = {name.upper(): value for name, value in self.answers.items() if value != self.known.get(name, "")}
        try:
            if changed:
                write_env(self.env_file, changed)
        except OSError as error:
            raise GaveUpError(f"{self.env_file} cannot be written ({error.strerror}).") from None
        return bool(changed)


def _show(finding: Finding) -> None:
    click.secho(f"{MARKS[finding.verdict]} {finding.name}: {finding.line}", fg=_COLOURS[finding.verdict])
