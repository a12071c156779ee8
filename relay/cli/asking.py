"""How a command asks the relay, running or not."""

from collections.abc import Mapping, Sequence
from typing import Any

from relay.cli.starting import fail
from relay.control.client import Answer, ask
from relay.control.operation import Operation, RefusedError, UnansweredError
from relay.settings.channels import Channel


def ask_relay(channels: Sequence[Channel], operation: str, **parameters: Any) -> Answer:  # noqa: ANN401 - JSON
    """The answer of the running relay, or of the store if none runs. Exit 1 with a line when there is none."""
    try:
        return ask(channels, _operations, operation, parameters)
    except (RefusedError, UnansweredError) as error:
        fail(str(error))


def _operations() -> Mapping[str, Operation]:
    from relay.control.operations import OPERATIONS  # noqa: PLC0415 - a running relay has the store loaded already

    return OPERATIONS
