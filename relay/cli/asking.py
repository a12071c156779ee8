"""How a command asks the relay, running or not."""

from typing import TYPE_CHECKING, Any

from relay.cli.starting import fail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from relay.control.client import Answer
    from relay.control.office import Operation
    from relay.settings.channels import Channel


def ask_relay(channels: "Sequence[Channel]", operation: str, **parameters: Any) -> "Answer":  # noqa: ANN401 - JSON
    """The answer of the running relay, or of the store if none runs. Exit 1 with a line when there is none."""
    from relay.control.client import ask  # noqa: PLC0415 - help asks nobody
    from relay.control.office import RefusedError, UnansweredError  # noqa: PLC0415

    try:
        return ask(channels, _operations, operation, parameters)
    except (RefusedError, UnansweredError) as error:
        fail(str(error))


def _operations() -> "Mapping[str, Operation]":
    from relay.control.operations import OPERATIONS  # noqa: PLC0415 - the running relay has them loaded

    return OPERATIONS
