"""The conversation of `relay setup`: it asks, proves each answer as early as it can, and writes them down.

Kit makes a hen-and-egg problem: it tests the callback's address while the channel is being created, and only then
shows the channel's salt and UUID. So between the two halves of the questions somebody answers at the public port.
"""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from relay.doctor.channels_to_check import PENDING, with_stand_ins
from relay.doctor.finding import Finding
from relay.settings.channels import Channel
from relay.settings.loading import SettingsError
from relay.setup.files import ChannelTable, Destination, EnvFile, UnusableFileError
from relay.setup.kits_test import KitsTest
from relay.setup.proofs import prove
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
from relay.setup.terminal import ask, ask_which_again, show, title, trouble


class GaveUpError(Exception):
    """The set-up did not get to its end. The message says why."""


@dataclass(slots=True)
class Wizard:
    """One run. `given` are answers that need not be asked for.

    `around` is what the environment and what stands above the channels say: of where to listen and the like it is
    taken, of what is asked it is offered, as what the file says is.
    """

    file: Destination
    given: dict[str, str]
    around: Mapping[str, str]
    asks: bool  #: Somebody is there to answer.
    channel: str = ""  #: The channel's name, if the relay has several.
    proves: bool = True  #: Telegram and Kit may be asked.
    patience: float | None = None  #: Seconds to wait for Kit's test; None: as long as it takes.
    known: Mapping[str, str] = field(init=False)  #: What the file says already.
    offers: dict[str, str] = field(init=False)  #: What Enter keeps.
    answers: dict[str, str] = field(default_factory=dict)
    kits_test: KitsTest = field(init=False)

    def __post_init__(self) -> None:
        self.known = self.file.known()
        self.offers = {name: value for name, value in {**self.around, **self.known}.items() if value != PENDING}

    async def run(self) -> None:
        """From the first question to the file. Raises GaveUpError; or what broke it off, and keeps the answers."""
        try:
            with ExitStack() as stack:
                self.kits_test = KitsTest(stack)
                await self._talk()
        except (click.Abort, KeyboardInterrupt, asyncio.CancelledError):
            if self.answers and self._write():
                click.echo(f"\nWhat was answered so far is in {self.file.path}; run this again to go on.")
            raise
        is_new = self._write()
        title("Done")
        if is_new:
            click.echo(f"{self.file.path} is written, and no stranger may read it.")
        for name in self._overruled():
            trouble(f"{name} is set in the environment too, to another value, and that wins: take it out there.")
        for line in self.file.next_steps():
            click.echo(line)

    async def _talk(self) -> None:
        if not self.asks:
            self._check_all()
        title("The bot")
        await self._ask(BOT)
        title("The address")
        await self._ask(ADDRESS)
        title("The Kit account")
        for question in (PLACE, DOMAIN, API_TOKEN):
            await self._ask(question)
        title("The channel in Kit")
        click.echo(
            "In Kit: Setup > Conversations > Channels > Custom channel. Fill in, choose the same API token, and save:\n"
            f"  callback URL  {click.style(self._callback_url(), bold=True)}"
        )
        if self.patience != 0:
            show(self.kits_test.wait(self.patience, by_key=self.asks and sys.stdin.isatty()))
        # Somebody goes on answering: Kit may ask again before the channel is saved.
        await self._ask(SALT)
        signed_with = self.answers[API_TOKEN.field]
        await self._ask(CHANNEL)
        if self.answers[API_TOKEN.field] != signed_with:
            await self._settle(SALT)

    def _check_all(self) -> None:
        """Nobody is there to be asked: say at once all that is missing or cannot be right. Raises GaveUpError."""
        lines = []
        for question in QUESTIONS:
            try:
                self._read(question)
            except GaveUpError as error:
                lines.append(str(error))
        if lines:
            raise GaveUpError("\n".join(lines))

    async def _ask(self, question: Question) -> None:
        """Ask until the answer can be used, and proves right or is to be used all the same."""
        self._take(self._answer(question))
        await self._settle(question)

    async def _settle(self, question: Question) -> None:
        """Prove an answer that was given, and ask again for what was refused."""
        while any(finding.verdict == "wrong" for finding in await self._prove(question)):
            if not self.asks:
                if question is ADDRESS:
                    return  # not everybody's own address leads back to them from inside
                doubtful = ", ".join(each.field.upper() for each in (question, *question.also))
                which = f"one of {doubtful}" if question.also else doubtful
                raise GaveUpError(f"{which} did not prove right; nothing was written.")
            again = ask_which_again(question)
            if again is None:
                return
            self._forget(again)
            self._take(self._answer(again))
            if again is not question:
                await self._settle(again)

    def _take(self, answer: Mapping[str, str]) -> None:
        self.answers |= answer
        self.offers |= answer

    def _forget(self, question: Question) -> None:
        """An answer was refused: what the command line gave is not taken again."""
        names = {question.field, "kit_api_url"} if question is PLACE else {question.field}
        self.given = {name: value for name, value in self.given.items() if name not in names}

    def _answer(self, question: Question) -> dict[str, str]:
        if self.asks and not offered_to(question, self.given):
            return ask(question, offered_to(question, self.offers))
        return self._read(question)

    def _read(self, question: Question) -> dict[str, str]:
        """What the command line or the file says. Raises GaveUpError."""
        given = offered_to(question, self.given)
        try:
            return read_answer(question, given or offered_to(question, self.offers))
        except SettingsError as error:
            raise GaveUpError(error.lines[0] if given else f"{question.field.upper()} is missing.") from None

    async def _prove(self, question: Question) -> list[Finding]:
        if question is ADDRESS and self.patience != 0:
            self.kits_test.begin(self._channel())
        if not self.proves:
            return []
        if question is ADDRESS:
            findings = [await self.kits_test.address_leads_here(self._channel())] if self.patience != 0 else []
        elif question is API_TOKEN and not self.asks:
            findings = []  # the channel's login proves it, and nobody could give it again before
        else:
            findings = await prove(question, self._channel().settings, self.kits_test.stand_in)
        for finding in findings:
            show(finding)
        return findings

    def _channel(self) -> Channel:
        """As a relay would have it now."""
        values = {**self.around, **self.known, **self.answers}
        return Channel(self.channel, with_stand_ins({name: value for name, value in values.items() if value}))

    def _callback_url(self) -> str:
        channel = self._channel()
        return channel.settings.relay_public_url + channel.callback_path

    def _overruled(self) -> list[str]:
        """What the relay will take from the environment, whatever the file says now."""
        if isinstance(self.file, ChannelTable):
            return []
        # What was the file's own comes back as environment in a container, and is the file's new value with the next.
        foreign = {name: value for name, value in self.around.items() if value != self.known.get(name)}
        return [name.upper() for name, value in self.answers.items() if foreign.get(name, value) != value]

    def _write(self) -> bool:
        """Write down what is new. False: nothing is. Raises GaveUpError."""
        changed = self._changed()
        try:
            if changed:
                self.file.write(changed)
        except OSError as error:
            raise GaveUpError(f"{self.file.path} cannot be written ({error.strerror}).") from None
        except UnusableFileError as error:
            raise GaveUpError(str(error)) from None
        return bool(changed)

    def _changed(self) -> dict[str, str]:
        before = dict(self.known) if isinstance(self.file, EnvFile) else {**self.around, **self.known}
        changed = {name: value for name, value in self.answers.items() if value != before.get(name, "")}
        if isinstance(self.file, ChannelTable) and self.around.get("kit_api_url") and changed.get("kit_api_url") == "":
            changed["kit_api_url"] = self._channel().settings.kit_base_url  # an own region does not win over a host
        return changed


def offered_to(question: Question, values: Mapping[str, str]) -> str:
    """What these values answer; "" if nothing."""
    host = values.get("kit_api_url", "") if question is PLACE else ""
    return host or values.get(question.field, "")
