"""What customers are told of an outage of Kit: that their message waits, and that it has arrived. Pure."""

from relay.mapping.text.language import to_customer
from relay.model import Client, Draft
from relay.steps import SendText, dump_steps


def waits_line(client: Client) -> Draft:
    """Their message waits."""
    return _line(client, "customer.waits")


def arrived_line(client: Client) -> Draft:
    """It has arrived."""
    return _line(client, "customer.arrived")


def _line(client: Client, key: str) -> Draft:
    return Draft("to_telegram", client.client_id, dump_steps([SendText(to_customer(client.language, key))]))
