"""The table of operations, by the name under which the control socket knows them."""

from collections.abc import Mapping
from typing import Final

from relay.control.linking import keep_link
from relay.control.office import Operation
from relay.control.status import status

OPERATIONS: Final[Mapping[str, Operation]] = {"status": status, "keep_link": keep_link}
