"""The conversation of `relay setup`: it asks, proves each answer where it can, and writes them down.

Kit makes a hen-and-egg problem: it tests the callback's address while the channel is being created, and only then
shows the channel's salt and UUID. So between the two halves of the questions somebody answers at the public port.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import click

from relay.doctor.finding import MARKS, Finding, well, wrong
from relay.doctor.kit import check_kit
from relay.doctor.subjects import PENDING, with_stand_ins
from relay.doctor.telegram import check_bot
from relay.kit.signature import channel_test_form_of
from relay.loading import SettingsError
from relay.settings import Settings
from relay.setup.env_file import write_env
from relay.setup.questions import ADDRESS, API_TOKEN, BOT, CHANNEL, DOMAIN, PLACE, SALT, Question, read_answer
from relay.setup.stand_in import standing_in
from relay.web.serving import CannotListenError

CALLBACK: Final = "/kit/callback"
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
    seen: bytes | None = None  #: The signature of Kit's test.

    async def run(self) -> None:
        """From the first question to the file. Raises GaveUpError; or click.Abort, and keeps what was answered."""
        try:
            await self._talk()
        except click.Abort:
            if self.answers and self._write():
                click.echo(f"\nWhat was answered so far is in {self.env_file}; run this again to go on.")
            raise
        self._heading("Done")
        if self._write():
            click.echo(f"{self.env_file} is written, and only you may read it.")
        click.echo("Now: relay check, then relay run. With docker compose: docker compose up --build --detach.")

    async def _talk(self) -> None:
        self._heading("The bot")
        await self._ask(BOT)
        self._heading("The address")
        await self._ask(ADDRESS)
        self._heading("The Kit account")
        for question in (PLACE, DOMAIN, API_TOKEN):
            await self._ask(question)
        self._heading("The channel in Kit")
        await self._serve_callback()
        await self._ask(SALT)
        await self._ask(CHANNEL)

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
                raise GaveUpError(f"{question.field.upper()} did not prove right; nothing was written")
            if click.confirm("Use it all the same?", default=False):
                return
            self.given = {name: value for name, value in self.given.items() if name not in self.answers}

    def _answer(self, question: Question) -> dict[str, str]:
        given = self._offered(question, self.given)
        if given or not self.asks:
            try:
                return read_answer(question, given or self._offered(question, self.known))
            except SettingsError as error:
                raise GaveUpError(error.lines[0] if given else f"{question.field.upper()} is missing") from None
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
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            if question is BOT:
                return await check_bot(settings, session)
            if question is SALT:
                return self._prove_salt(settings)
            return await check_kit(settings, session) if question is CHANNEL else []

    def _prove_salt(self, settings: Settings) -> list[Finding]:
        if self.seen is None:
            return []
        salt, token = settings.kit_security_salt.get_secret_value(), settings.kit_api_token.get_secret_value()
        if channel_test_form_of(self.seen, salt, token):
            return [well("signature", "Kit's test request was signed with this salt and this API token")]
        remedy = "Is it this channel's salt, and is the API token the one chosen in its form?"
        return [wrong("signature", "Kit's test request was signed with other secrets", remedy)]

    def _settings(self) -> Settings:
        """As a relay would have them now."""
        answers = {name: value for name, value in self.answers.items() if value}
        return with_stand_ins({**self.known, **self.around, **answers})

    async def _serve_callback(self) -> None:
        """Answer at the public port until Kit has asked, or nobody wants to wait any more."""
        settings = self._settings()
        click.echo(
            "In Kit: Setup > Conversations > Channels > Custom channel. Fill in, choose the same API token, and save:\n"
            f"  callback URL  {click.style(settings.relay_public_url + CALLBACK, bold=True)}"
        )
        if self.patience == 0:
            return
        try:
            async with standing_in(settings.relay_host, settings.relay_port, CALLBACK) as (stand_in, port):
                click.echo(f"Waiting on port {port} for Kit's test request" + self._way_out())
                if await self._wait(stand_in.tested):
                    self.seen = stand_in.signature
                    _show(well("callback", "Kit's test request came in"))
                else:
                    _show(Finding("callback", "skipped", "Kit has not asked; the channel may be there already"))
        except CannotListenError as error:
            _show(Finding("callback", "skipped", f"{error}: if the relay runs there, it answers Kit's test itself"))

    def _way_out(self) -> str:
        return " (Enter goes on without it) …" if self.asks and sys.stdin.isatty() else " …"

    async def _wait(self, tested: asyncio.Event) -> bool:
        waits = {asyncio.create_task(tested.wait())}
        loop, enter = asyncio.get_running_loop(), asyncio.Event()
        by_key = self.asks and sys.stdin.isatty()
        if by_key:
            loop.add_reader(sys.stdin, _read_enter, enter)
            waits.add(asyncio.create_task(enter.wait()))
        try:
            await asyncio.wait(waits, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if by_key:
                loop.remove_reader(sys.stdin)
            for task in waits:
                task.cancel()
        return tested.is_set()

    def _write(self) -> bool:
        """Write down what is new. False: nothing is. Raises GaveUpError."""
        changed = {name.upper(): value for name, value in self.answers.items() if value != self.known.get(name, "")}
        try:
            if changed:
                write_env(self.env_file, changed)
        except OSError as error:
            raise GaveUpError(f"{self.env_file} cannot be written ({error.strerror})") from None
        return bool(changed)


def _show(finding: Finding) -> None:
    click.secho(f"{MARKS[finding.verdict]} {finding.name}: {finding.line}", fg=_COLOURS[finding.verdict])


def _read_enter(pressed: asyncio.Event) -> None:
    sys.stdin.readline()
    pressed.set()
