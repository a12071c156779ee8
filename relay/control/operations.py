"""The table of operations, by the name under which the control socket knows them."""

from collections.abc import Mapping
from typing import Final

from relay.control.customers import (
    customer_block,
    customer_blocked,
    customer_erase,
    customer_rows,
    customer_show,
    customer_unblock,
)
from relay.control.dead import dead_drop, dead_list, dead_retry, dead_show
from relay.control.hurrying import hurry
from relay.control.linking import keep_link
from relay.control.media import media_revoke
from relay.control.operation import Operation
from relay.control.status import status
from relay.control.trace import trace

OPERATIONS: Final[Mapping[str, Operation]] = {
    "status": status,
    "trace": trace,
    "keep_link": keep_link,
    "customer_show": customer_show,
    "customer_rows": customer_rows,
    "customer_erase": customer_erase,
    "customer_block": customer_block,
    "customer_unblock": customer_unblock,
    "customer_blocked": customer_blocked,
    "dead_list": dead_list,
    "dead_show": dead_show,
    "dead_retry": dead_retry,
    "dead_drop": dead_drop,
    "hurry": hurry,
    "media_revoke": media_revoke,
}
