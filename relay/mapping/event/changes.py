"""Edits of one message, and reactions to it: when several come within a moment, agents read what became of it. Pure.

People correct themselves, and try emoji. So the delivery waits for the next change, which makes it anew under the ids
of the first; what ends as it began is taken back. Something else that the customer does sends it at once, in its order.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from relay.mapping.content.content import Content
from relay.mapping.event.events import Ids, KitContext, Origin, client_after, ids_of, make_event
from relay.model import REACTIONS, Accepted, Declined, Known, Said, is_id

Kind = Literal["edit", "reaction"]


@dataclass(frozen=True, slots=True)
class Change:
    """What waits for the next one. As JSON, it lies in the store."""

    event_id: str
    message_id: str
    before: Any  #: How it was before the first of these changes, in JSON.


def change_key(kind: Kind, message_id: object) -> str | None:
    """What changes of a message have in common; None of one that no other can refer to."""
    beginning = REACTIONS if kind == "reaction" else "edit of "
    return f"{beginning}{message_id}" if is_id(message_id) and message_id else None


def waiting_change(known: Known) -> Change | None:
    """The change that still waits; None if there is none, or it has left."""
    waiting = known.album.parts if known.album is not None else None
    return None if waiting is None else Change(**orjson.loads(waiting))


def make_change(  # noqa: PLR0913 - an event, and what it changes
    context: KitContext,
    origin: Origin,
    content: Content,
    known: Known,
    *,
    kind: Kind,
    before: object,
    said: tuple[Said, ...] = (),
) -> Accepted:
    """The event for a change: `content` says all of it, since `before`."""
    waiting = waiting_change(known)
    ids = ids_of(context, origin, kind) if waiting is None else Ids(waiting.event_id, waiting.message_id)
    accepted = make_event(context, origin, content, known, ids=ids, said=said)
    key = change_key(kind, origin.message_id)
    if key is None:
        return accepted
    parts = orjson.dumps(Change(ids.event, ids.message, before)).decode()
    return replace(accepted, draft=replace(accepted.draft, album=key, parts=parts, hasty=True))


def take_back(origin: Origin, known: Known, *, kind: Kind, said: tuple[Said, ...] = ()) -> Declined:
    """What becomes of a change after which everything is as it was before those that wait."""
    client = client_after(origin, Content(""), known)
    return Declined(
        f"{kind}: taken back before an agent could see it",
        None if origin.own else client,
        said=said,
        withdraws=change_key(kind, origin.message_id),
    )
