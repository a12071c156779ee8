"""Errors, named by what the caller does next. Adapters translate into these; nobody else speaks of statuses."""

import errno
from typing import Final


class RelayError(Exception):
    """Something on the other side went wrong. The message holds no secret and no customer's words."""

    #: What an agent is told if nothing comes of it: the catalogue's `reason.…`.
    why = "gave_up"
    #: The agent's file in question was there for everybody: its server was asked, at public addresses, and answered.
    file_is_public = False


class Unavailable(RelayError):
    """No answer, or not now: worth another attempt. Nothing has happened on the other side."""


class Down(Unavailable):
    """Nobody gets through: no connection, refused credentials. Costs no delivery an attempt."""


class CredentialsRefused(Down):
    """It does not let us in. Only the operator can help."""


class StoreUnavailable(Unavailable):
    """Our own database cannot commit: a full or broken disk. Says nothing about the other side."""


class StoreAway(StoreUnavailable):
    """Our own database cannot be reached: whatever is asked of it comes to nothing."""


class StoreFull(StoreUnavailable):
    """The disk is full: new things must wait. What is done may still be written down."""


class StoreLost(StoreUnavailable):
    """Our own database is not what it was, or the disk did not keep what was written: this process must end."""


class SourceUnavailable(Unavailable):
    """A third party, the server of an agent's file, cannot give it now: worth another attempt."""

    why = "file_no_answer"

    def __init__(self, message: str, *, why: str | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.why = why or self.why
        self.retry_after = retry_after  #: Seconds that the server asked for; 0: it did not ask.


class Throttled(Unavailable):
    """The other side asked us to wait. Costs no attempt."""

    def __init__(self, message: str, *, retry_after: float, of_all: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after  #: Seconds.
        self.of_all = of_all  #: It was not said of this delivery, which may be the next one to try.


class Uncertain(Unavailable):
    """The request was sent and its answer was lost: it may or may not have had its effect."""

    why = "uncertain"


class NotAccepted(RelayError):
    """Understood and refused. Another attempt changes nothing."""

    why = "refused_content"

    def __init__(self, message: str, *, why: str | None = None, file_is_public: bool = False) -> None:
        super().__init__(message)
        self.why = why or self.why
        self.file_is_public = file_is_public


class Unreachable(NotAccepted):
    """Nothing reaches this customer until they write again: they blocked the bot, or their account is gone."""

    why = "chat_gone"


class SourceRefused(NotAccepted):
    """A third party, the server of an agent's file, will never give it, or we may not ask it."""

    why = "file_gone"


#: What this process lacks, by the number that the kernel gives it, in words that say what to do.
_LACKING: Final = {
    errno.EMFILE: "EMFILE: this process may have no more files open; raise LimitNOFILE or --ulimit nofile",
    errno.ENFILE: "ENFILE: this machine may have no more files open; raise fs.file-max",
    errno.ENOMEM: "ENOMEM: this machine has no memory left",
}


def cause_of(error: BaseException) -> str:
    """The error's kind, without its own text: that may quote a URL. Of what an operator can mend, that."""
    number = error.errno if isinstance(error, OSError) else None
    return _LACKING.get(number or 0, type(error).__name__)


def place_of(error: Exception) -> str:
    """What went wrong and where, without the error's own text: that may hold a customer's words."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}" if place is not None else ""
    return f"{type(error).__name__}{where}"
