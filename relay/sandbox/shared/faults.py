"""What can be made to go wrong at either look-alike. Every switch may be changed at any moment.

An *operation* is a Bot API method ("sendMessage"; "file" for a download), or at Kit "login", "refreshToken", "event",
"file". A *subject* is a chat or a client id. A fault without an operation hits every request except those in `spared`:
a test that loses "the next answer" does not mean the long poll that happens to be open.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

#: Seconds after which an answer that hangs looks whether it still does.
_LOOK = 0.25


def cut(request: web.Request) -> web.Response:
    """Close the request's connection without an answer. What is returned never leaves."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _is_gone(request: web.Request) -> bool:
    """Whether who asked has hung up."""
    return request.transport is None or request.transport.is_closing()


@dataclass(slots=True)
class ScriptedAnswer:
    """An answer that is given instead of doing what was asked."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    on: str | None = None  #: Only for this operation.
    of: str | None = None  #: Only for this chat or client.
    times: int = 1
    every: int = 1  #: One of so many that it would hit, as of a server of several behind one address.
    met: int = 0  #: How many it would have hit so far.

    def response(self) -> web.Response:
        """The answer as it leaves; JSON unless its headers say otherwise."""
        return web.Response(
            status=self.status, body=self.body, headers={"Content-Type": "application/json", **self.headers}
        )


@dataclass(slots=True)
class Faults:
    """The switches. All off at first."""

    latency: float = 0.0  #: Seconds between doing what was asked and answering.
    down: bool = False  #: Every connection is closed without an answer, and nothing is done.
    hang: bool = False  #: Every connection is taken, nothing is done or answered, and afterwards it is closed.
    always: ScriptedAnswer | None = None  #: What is answered for as long as it stands here.
    hold: asyncio.Event | None = None  #: Answers wait until it is set; what was asked is done at once.
    hold_on: str | None = None  #: Hold answers of this operation only.
    hang_of: frozenset[str] = frozenset()  #: What these chats or clients ask for is done, and not answered meanwhile.
    lose_answers: int = 0  #: So many requests are carried out, and their connections closed without an answer.
    lose_on: str | None = None  #: Lose answers of this operation only.
    lose_of: str | None = None  #: Lose answers to this chat or client only.
    next_answers: list[ScriptedAnswer] = field(default_factory=list)
    spared: frozenset[str] = frozenset()
    lost: int = 0  #: How many answers have been lost so far.
    scripted: int = 0  #: How many scripted answers have been given so far.

    def answer_next(  # noqa: PLR0913 - a test names what matters to it and leaves the rest
        self,
        status: int,
        *,
        payload: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        on: str | None = None,
        of: str | int | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests (of operation `on`, of chat or client `of`) with this instead of doing them.

        `payload` is sent as JSON; `body` is sent as it is.
        """
        raw = body if body is not None else json.dumps(payload).encode()
        subject = None if of is None else str(of)
        self.next_answers.append(ScriptedAnswer(status, raw, headers or {}, on, subject, times))

    def answer_always(
        self,
        status: int,
        *,
        payload: object = None,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
        on: str | None = None,
        every: int = 1,
    ) -> None:
        """Answer requests (of operation `on`, one of so many) with this instead of doing them, until it is cleared."""
        raw = body.encode() if body is not None else json.dumps(payload).encode()
        self.always = ScriptedAnswer(status, raw, headers or {}, on, every=every)

    async def is_away(self, request: web.Request) -> bool:
        """Whether the request is to be cut off; if everything hangs, that is known only when it does not any more."""
        hung = self.hang
        while self.hang and not _is_gone(request):  # noqa: ASYNC110 - a switch or who hangs up ends it
            await asyncio.sleep(_LOOK)
        return hung or self.down

    def lose_next(self, times: int = 1, *, on: str | None = None, of: str | int | None = None) -> None:
        """Carry out the next `times` requests that match, and answer none of them."""
        self.lose_answers, self.lose_on, self.lose_of = times, on, None if of is None else str(of)

    def take_scripted(self, operation: str, subject: str | None) -> ScriptedAnswer | None:
        """The scripted answer for this request, if there is one; it is used up."""
        for answer in self.next_answers:
            if self._hits(answer.on, answer.of, operation, subject):
                answer.times -= 1
                if answer.times <= 0:
                    self.next_answers.remove(answer)
                self.scripted += 1
                return answer
        if self.always is not None and self._hits(self.always.on, None, operation, None):
            self.always.met += 1
            return None if self.always.met % self.always.every else self.always
        return None

    async def let_out(
        self, request: web.Request, answer: web.Response, operation: str, subject: str | None
    ) -> web.Response:
        """The answer, late, held, or lost, as the switches say."""
        if self.latency or self.hold is not None:
            await self.delay(operation)
        while subject in self.hang_of and not _is_gone(request):  # noqa: ASYNC110 - a switch or who hangs up ends it
            await asyncio.sleep(_LOOK)
        return cut(request) if self.loses(operation, subject) else answer

    async def delay(self, operation: str) -> None:
        """Wait as `latency` and `hold` say."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if self.hold is not None and self._hits(self.hold_on, None, operation, None):
            await self.hold.wait()

    def loses(self, operation: str, subject: str | None) -> bool:
        """Whether this answer is to be lost; counted."""
        if self.down:
            return True
        if self.lose_answers <= 0 or not self._hits(self.lose_on, self.lose_of, operation, subject):
            return False
        self.lose_answers -= 1
        self.lost += 1
        return True

    def apply(self, switches: Mapping[str, Any]) -> None:  # noqa: C901 - a table: one switch, one case
        """Set switches from JSON. Raises ValueError or TypeError for what is not a switch.

        They are latency, down, hang, hang_of, a list, lose_answers, lose_on, lose_of, next_answers, a list of objects
        with the arguments of `answer_next`, and always, an object with those of `answer_always`, or null.
        """
        for name, value in switches.items():
            match name, value:
                case "latency", int() | float():
                    self.latency = float(value)
                case "down", bool():
                    self.down = value
                case "hang", bool():
                    self.hang = value
                case "always", None:
                    self.always = None
                case "always", dict():
                    self.answer_always(**value)
                case "hang_of", list():
                    self.hang_of = frozenset(map(str, value))
                case "lose_answers", int():
                    self.lose_answers = value
                case "lose_on" | "lose_of", str() | None:
                    setattr(self, name, value)
                case "next_answers", list():
                    for answer in value:
                        self.answer_next(**answer)
                case _:
                    raise ValueError(f"no such switch, or not its type: {name}")

    def clear(self) -> None:
        """All switches off."""
        self.latency, self.down, self.hold, self.hold_on = 0.0, False, None, None
        self.hang, self.always, self.hang_of = False, None, frozenset()
        self.lose_answers, self.lose_on, self.lose_of = 0, None, None
        self.next_answers.clear()

    def _hits(self, on: str | None, of: str | None, operation: str, subject: str | None) -> bool:
        if on is None and operation in self.spared:
            return False
        return on in (None, operation) and of in (None, subject)
