"""Messages that a customer deleted, in the words that are remembered. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from relay.mapping.content.content import Content
from relay.mapping.content.readers import remind
from relay.mapping.event.events import KitContext, Origin, ids_of, make_event
from relay.mapping.text.language import say
from relay.model import Accepted, Known, Said, Wants, is_id


def deletion_wants(client_id: str, ids: Iterable[int]) -> Wants:
    """What mapping a deletion needs to know: what the messages said."""
    return Wants(client_id, tuple(number for number in ids if is_id(number)))


def map_deletion(origin: Origin, ids: Sequence[int], context: KitContext, known: Known) -> Accepted:
    """The event for messages that were deleted, whoever's they were. `origin` names one of them."""
    return make_event(context, origin, read_deletion(ids, known.said), known, ids=ids_of(context, origin, "deleted"))


def read_deletion(ids: Iterable[int], said: Mapping[int, Said]) -> Content:
    """A line for each message; one for all those of which nothing is remembered."""
    words = (remind(said[number]) if number in said else say("unreadable") for number in ids)
    return Content("\n".join(say("deleted", words=each) for each in dict.fromkeys(words)))
