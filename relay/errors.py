"""Errors, named by what the caller does next. Adapters translate into these; nobody else speaks of statuses."""


class RelayError(Exception):
    """Something on the other side went wrong. The message holds no secret and no customer's words."""


class Unavailable(RelayError):
    """No answer, or not now: worth another attempt. Nothing has happened on the other side."""


class Down(Unavailable):
    """Nobody gets through: no connection, refused credentials, a closed gateway. Costs no delivery an attempt."""


class SourceUnavailable(Unavailable):
    """A third party, the server of an agent's file, cannot give it now: worth another attempt."""


class Throttled(Unavailable):
    """The other side asked us to wait. Costs no attempt."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  #: Seconds.


class Uncertain(Unavailable):
    """The request was sent and its answer was lost: it may or may not have had its effect."""


class NotAccepted(RelayError):
    """Understood and refused. Another attempt changes nothing."""
