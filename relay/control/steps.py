"""A trace as steps: what came, what failed, what left, what died, what waits, in the order of time. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from relay.control.describing import holds, kinds_in
from relay.intake.numbers import as_object, message_id_of, told_in
from relay.store.tracing import Trace, TracedDelivery, TracedLetter

#: Of two steps of one moment, the one of the older letter is told first; of one letter's, in this order.
_ORDER: Final = {"came": 0, "declined": 1, "failed": 2, "left": 3, "died": 3, "waits": 4}
_LAST: Final = 2**63


def steps_of(trace: Trace, *, words: bool) -> list[dict[str, Any]]:
    """The steps, the oldest first. Times are Unix times. Of words only numbers and kinds, unless they are asked for."""
    steps = [(letter.id, step) for letter in trace.letters for step in _of_letter(letter, words=words)]
    steps += [
        (delivery.letter_id or _LAST, step)
        for delivery in trace.deliveries
        for step in _of_delivery(delivery, words=words)
    ]
    steps.sort(key=lambda of: (of[1]["at"], of[0], _ORDER[of[1]["what"]]))
    return [step for _, step in steps]


def concerns(trace: Trace, name: str) -> Trace:
    """What of the trace is about a message of this number, or an event of this id; with all that an album became."""
    letters = {letter.id for letter in trace.letters if name in _names(letter)}
    albums = {_album_of(letter) for letter in trace.letters if letter.id in letters} - {None}
    for delivery in trace.deliveries:
        if delivery.letter_id is not None and name in _names_of(delivery):
            letters.add(delivery.letter_id)
    return Trace(
        tuple(letter for letter in trace.letters if letter.id in letters),
        tuple(
            each
            for each in trace.deliveries
            if each.letter_id in letters or each.album in albums or name in _names_of(each)
        ),
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


def _album_of(letter: TracedLetter) -> object:
    return told_in(_json(letter.body)).get("media_group_id")


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
    """How it failed, and how it stands."""
    told = {"delivery": delivery.id, "direction": delivery.direction}
    for failed in delivery.failures:
        is_the_end = delivery.status == "dead" and (failed.reason, failed.times) == (delivery.reason, 1)
        if not is_the_end:
            again = {"times": failed.times, "until": failed.last_at, "reason": failed.reason}
            yield {"at": failed.first_at, "what": "failed", **told, **again}
    step = {**told, **_state_of(delivery), **_names_in(delivery), **_content_of(delivery)}
    yield {**step, "words": delivery.body} if words else step


def _state_of(delivery: TracedDelivery) -> dict[str, Any]:
    """What became of it, when and why."""
    tried_at = max((failed.last_at for failed in delivery.failures), default=delivery.accepted_at)
    state = {
        "at": tried_at if delivery.settled_at is None else delivery.settled_at,
        "attempts": _attempts(delivery),
        "reason": delivery.reason,
        "due_at": None,
    }
    match delivery.status:
        case "delivered":
            return {**state, "what": "left", "reason": None}
        case "dead":
            return {**state, "what": "died"}
        case _:
            return {**state, "what": "waits", "due_at": delivery.due_at}


def _names_in(delivery: TracedDelivery) -> dict[str, Any]:
    """Under what the other side knows it."""
    messages = [str(number) for number in delivery.message_ids]
    if delivery.direction != "to_kit":
        return {"event_id": None, "message_ids": messages}
    event = _event_in(delivery)
    return {"event_id": event["event_id"], "message_ids": messages or _listed(event["message_id"])}


def _content_of(delivery: TracedDelivery) -> dict[str, Any]:
    """Of what kinds it is, without its words."""
    return {"holds": None if delivery.body is None else holds(delivery.direction, delivery.body, None)}


def _attempts(delivery: TracedDelivery) -> int:
    """How often it was tried. The store's own number begins anew with each step, and counts no attempt in an outage."""
    failed = sum(failed.times for failed in delivery.failures)
    return max(delivery.attempts, failed + (delivery.status == "delivered"))


def _listed(value: object) -> list[str]:
    return [] if value is None else [str(value)]


def _event_in(delivery: TracedDelivery) -> Mapping[str, Any]:
    """The ids under which Kit knows what goes to it."""
    document = _json(delivery.body)
    message = as_object(as_object(document.get("event_data")).get("message"))
    return {"event_id": document.get("event_id"), "message_id": message.get("message_id")}


def _message_of(letter: TracedLetter) -> object:
    return message_id_of(letter.source, _json(letter.body))


def _date_in(document: Mapping[str, Any]) -> float | None:
    told = told_in(document)
    date = told.get("edit_date") or told.get("date")
    return float(date) if isinstance(date, int | float) else None


def _json(body: str | None) -> Mapping[str, Any]:
    try:
        return as_object(json.loads(body or "{}"))
    except (ValueError, RecursionError):
        return {}
