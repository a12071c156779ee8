"""What is not taken of a customer: anything while a person has blocked them; more than a thousand that wait. Pure."""

from dataclasses import replace
from typing import Final

from relay.mapping.event.events import KitContext
from relay.mapping.event.notes import note
from relay.mapping.text.language import say, speaking, to_customer
from relay.model import Accepted, Client, Decide, Declined, Draft, Known, Outcome
from relay.steps import SendText, dump_steps

#: Deliveries of one customer that may wait for Kit.
MOST: Final = 1_000
#: When fewer are left, more is taken again, and the next flood is told anew.
_OVER: Final = MOST // 2


def limited(decide: Decide, update_id: object, context: KitContext) -> Decide:
    """The same decision, as far as the customer may write. It is to be told what `Wants.limits` asks for."""

    def decide_within_limits(known: Known) -> Outcome:
        if known.blocked:
            return Declined("the customer is blocked: relay customer block", counted="blocked")
        outcome = decide(known)
        if not isinstance(outcome, Accepted) or not context.limits_customers:
            return outcome
        flood_told = known.client is not None and known.client.flood_told
        if known.client is not None and known.waiting >= (_OVER if flood_told else MOST):
            return _too_many(known.client, update_id, context)
        if flood_told and outcome.client is not None:
            return replace(outcome, client=replace(outcome.client, flood_told=False))
        return outcome

    return decide_within_limits


def _too_many(client: Client, update_id: object, context: KitContext) -> Declined:
    """Nothing more is taken for now. Once in a flood, the agent and the customer are told."""
    reason = f"a flood: {MOST} messages of the customer waited, and not half of them have arrived yet"
    if client.flood_told:
        return Declined(reason, counted="flood")
    with speaking(context.language):
        told = note(context, client, update_id, say("note.flood", count=MOST))
    line = dump_steps([SendText(to_customer(client.language, "customer.flood"))])
    more = (told, Draft("to_telegram", client.client_id, line))
    return Declined(reason, client=replace(client, flood_told=True), more=more, counted="flood")
