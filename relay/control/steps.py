"""A trace as steps: what came, what failed, what left, what died, what waits, in the order of time. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from relay.control.describing import holds, kinds_in
from relay.store.tracing import Trace, TracedDelivery, TracedLetter

#: Of two steps of one moment, which one is told first.
_ORDER: Final = {"came": 0, "declined": 1, "failed": 2, "left": 3, "died": 3, "waits": 4}


def steps_of(trace: Trace, *, words: bool) -> list[dict[str, Any]]:
    """The steps, the oldest first. Times are Unix times. Of words only numbers and kinds, unless they are asked for."""
    steps = [step for letter in trace.letters for step in _of_letter(letter, words=words)]
    steps += [step for delivery in trace.deliveries for step in _of_delivery(delivery, words=words)]
    return sorted(steps, key=lambda step: (step["at"], _ORDER[step["what"]]))


def concerns(trace: Trace, name: str) -> Trace:
    """What of the trace is about a message of this number, or an event of this id."""
    letters = {letter.id for letter in trace.letters if name in _names(letter)}
    for delivery in trace.deliveries:
        if delivery.letter_id is not None and name in _names_of(delivery):
            letters.add(delivery.letter_id)
    return Trace(
        tuple(letter for letter in trace.letters if letter.id in letters),
        tuple(each for each in trace.deliveries if each.letter_id in letters or name in _names_of(each)),
    )


def _names(letter: TracedLetter) -> set[str]:
    number = _message_of(letter)
    return {letter.source_id} if number is None else {letter.source_id, str(number)}


def _names_of(delivery: TracedDelivery) -> set[str]:
    names = {str(number) for number in delivery.message_ids}
    if delivery.direction == "to_kit":
        event = _event_in(delivery)
        names |= {str(event[name]) for name in ("event_id", "message_id") if event[name] is not None}
    return names


def _of_letter(letter: TracedLetter, *, words: bool) -> Iterator[dict[str, Any]]:
    document = _json(letter.body)
    came: dict[str, Any] = {
        "at": letter.received_at,
        "what": "came",
        "source": letter.source,
        "source_id": letter.source_id,
        "message_id": _message_of(letter),
        "written_at": _date_in(document) if letter.source == "telegram" else None,
        "holds": None if letter.body is None else kinds_in(letter.source, document),
    }
    yield {**came, "words": letter.body} if words else came
    if letter.declined is not None:
        told = {"source": letter.source, "source_id": letter.source_id, "reason": letter.declined}
        yield {"at": letter.received_at, "what": "declined", **told}


def _of_delivery(delivery: TracedDelivery, *, words: bool) -> Iterator[dict[str, Any]]:
    told = {"delivery": delivery.id, "direction": delivery.direction}
    for failed in delivery.failures:
        again = {"times": failed.times, "until": failed.last_at, "reason": failed.reason}
        yield {"at": failed.first_at, "what": "failed", **told, **again}
    what = {"delivered": "left", "dead": "died", "waiting": "waits"}[delivery.status]
    event = _event_in(delivery) if delivery.direction == "to_kit" else {"event_id": None, "message_id": None}
    step: dict[str, Any] = {
        "at": delivery.accepted_at if delivery.settled_at is None else delivery.settled_at,
        "what": what,
        **told,
        "attempts": delivery.attempts,
        "event_id": event["event_id"],
        "message_ids": [str(number) for number in delivery.message_ids] or _listed(event["message_id"]),
        "reason": delivery.reason if what != "left" else None,
        "due_at": delivery.due_at if what == "waits" else None,
        "holds": holds(delivery.direction, delivery.body, None) if delivery.body is not None else None,
    }
    yield {**step, "words": delivery.body} if words else step


def _listed(value: object) -> list[str]:
    return [] if value is None else [str(value)]


def _event_in(delivery: TracedDelivery) -> Mapping[str, Any]:
    """The ids under which Kit knows what goes to it."""
    document = _json(delivery.body)
    message = _object(_object(document.get("event_data")).get("message"))
    return {"event_id": document.get("event_id"), "message_id": message.get("message_id")}


def _message_of(letter: TracedLetter) -> object:
    """The number under which its own side knows the message that the letter is about."""
    document = _json(letter.body)
    if letter.source == "kit":
        return _object(_object(document.get("event_data")).get("message")).get("message_id")
    told = _told_in(document)
    return told.get("message_id", _object(told.get("message")).get("message_id"))


def _date_in(document: Mapping[str, Any]) -> object:
    told = _told_in(document)
    return told.get("edit_date") or told.get("date")


def _told_in(update: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an update tells of: its one field beside the id."""
    return next((value for name, value in update.items() if name != "update_id" and isinstance(value, dict)), {})


def _json(body: str | None) -> Mapping[str, Any]:
    try:
        return _object(json.loads(body or "{}"))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
