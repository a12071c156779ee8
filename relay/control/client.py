"""The asking end: of the relay that runs, or, when none does, of the store itself.

Whoever can lock the database knows that no relay runs, and holds it for as long as the operation takes; so there is one
process at the database at any moment.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Final

from relay.control.operation import Operation, RefusedError, UnansweredError
from relay.control.place import connect
from relay.settings.channels import Channel

_TIMEOUT: Final = 30.0  #: Seconds for an answer.
#: The same for what takes as long as there are rows, and a VACUUM of PostgreSQL. A relay that dies breaks off at once.
_LONG: Final[Mapping[str, float]] = {"customer_erase": 6 * 3600.0}
#: Seconds for a relay that is just starting or stopping, or for another command.
PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and from whom."""

    value: Any
    running: bool  #: A relay runs, and has answered.


def ask(
    channels: Sequence[Channel],
    operations: Callable[[], Mapping[str, Operation]],
    name: str,
    parameters: Mapping[str, Any],
    *,
    patience: float = PATIENCE,
) -> Answer:
    """Have an operation done, by the running relay or by ourselves. Raises RefusedError or UnansweredError.

    `operations` is called, and the store's parts are loaded, only when no relay runs: they take most of a second.
    """
    _must_be_text(parameters)
    settings = channels[0].settings
    until = time.monotonic() + patience
    while True:
        connection = _Connection(settings.relay_data_dir, _LONG.get(name, _TIMEOUT))
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            pass  # nobody listens there
        except OSError as error:
            raise UnansweredError(f"the running relay cannot be reached ({error.strerror or error})") from None
        else:
            return Answer(_ask_running(connection, name, parameters), running=True)
        from relay.control.alone import InUseError, ask_store  # noqa: PLC0415 - see above

        try:
            return Answer(ask_store(channels, operations()[name], parameters), running=False)
        except InUseError as error:
            if time.monotonic() > until:
                raise UnansweredError(f"{error}, and does not answer in {settings.relay_data_dir}") from None
        time.sleep(0.1)


def _must_be_text(parameters: Mapping[str, Any]) -> None:
    """Raise RefusedError for bytes that a terminal of another alphabet made: neither relay nor database knows them."""
    try:
        json.dumps(parameters, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RefusedError("what was typed is no text in UTF-8: set the terminal to UTF-8") from None


class _Connection(HTTPConnection):
    def __init__(self, directory: Path, seconds: float) -> None:
        super().__init__("relay", timeout=seconds)
        self._directory, self._seconds = directory, seconds

    def connect(self) -> None:
        self.sock = connect(self._directory, _TIMEOUT)
        self.sock.settimeout(self._seconds)


def _ask_running(connection: HTTPConnection, name: str, parameters: Mapping[str, Any]) -> object:
    try:
        connection.request("POST", f"/{name}", json.dumps(parameters), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except TimeoutError:
        raise UnansweredError("the running relay has not answered yet. It may be at it still: see its log") from None
    except (OSError, HTTPException, ValueError) as error:
        raise UnansweredError(f"the running relay broke off ({type(error).__name__}). See what it did") from None
    finally:
        connection.close()
    if response.status == 200:
        return answer
    if response.status == 422:
        raise RefusedError(answer["error"])
    raise UnansweredError(answer["error"])
