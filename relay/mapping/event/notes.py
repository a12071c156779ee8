"""Notes to agents: what happened to a conversation that nobody said. Pure.

A message after the end of a conversation begins another one in Kit. So a note is only for conversations that are open.
"""

from relay.mapping.event.events import KitContext, derived_id, make_body
from relay.mapping.text.text import clean
from relay.model import Client, Draft, is_id


def note(context: KitContext, client: Client, update_id: object, text: str) -> Draft:
    """A note of this update in the conversation with a client; of one update, each client gets one at most."""
    number = str(update_id) if is_id(update_id) else clean(str(update_id))[:32]
    event_id = derived_id(f"{context.channel}:{number}:note:{client.client_id}")
    return Draft("to_kit", client.client_id, make_body(context, client, event_id, f"{number}.note", text, []))
