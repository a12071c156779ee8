"""What the page shows between phone and desk: the process, its gauges, lanes, what is on its way, and the switches."""

from collections.abc import Iterator
from statistics import median
from typing import Any, Final

from relay.sandbox.page.journeys import Journey
from relay.sandbox.page.process import RelayProcess
from relay.sandbox.page.switches import Switches
from relay.sandbox.page.watch import Watch

Json = dict[str, Any]

#: Settings of the relay that a visitor may switch on, by the page's name for each.
SETTINGS: Final = {
    "stars": "RELAY_ASK_RATING",
    "closing": "RELAY_CLOSING_TEXTS",
    "agent_name": "RELAY_SHOW_AGENT_NAME",
}
#: Journeys that the page lists.
LISTED: Final = 60
#: Arrivals whose median is shown.
RECENT: Final = 50


def relay_entries(watch: Watch, process: RelayProcess, switches: Switches) -> Iterator[tuple[str, Json]]:
    """Everything about the relay."""
    journeys = list(watch.journeys.all)
    yield "process", _process(process)
    yield "gauges", _gauges(watch, journeys)
    yield "switches", switches.state()
    lanes: dict[tuple[str, str], list[Journey]] = {}
    for journey in journeys:
        travelled = lanes.pop((journey.client, journey.direction), [])
        travelled.append(journey)
        lanes[journey.client, journey.direction] = travelled  # the lane that was used last stands last
    for (client, direction), travelled in [*lanes.items()][-LISTED:]:
        yield f"lane/{client}/{direction}", _lane(client, direction, travelled)
    for journey in journeys[-LISTED:]:
        yield f"journey/{journey.number}", _journey(journey)
    for journey in [one for one in journeys if one.stage == "dead" and not one.dropped][-LISTED:]:
        yield f"dead/{journey.number}", _journey(journey)
    for number, reason in enumerate(watch.unreadable):
        yield f"dead/u{number}", {"number": 0, "client": "", "direction": "to_kit", "what": "", "reason": reason}


def _process(process: RelayProcess) -> Json:
    return {
        "state": process.state,
        "pid": process.pid,
        "since": process.since,
        "back_at": process.back_at,
        "starts": process.starts,
        "kills": process.kills,
        "settings": {name: process.is_on(setting) for name, setting in SETTINGS.items()},
    }


def _gauges(watch: Watch, journeys: list[Journey]) -> Json:
    reading = watch.reading
    directions: Json = {}
    for direction in ("to_kit", "to_telegram"):
        arrived = [one.ms for one in journeys if one.direction == direction and one.ms is not None][-RECENT:]
        directions[direction] = {
            **reading.directions.get(direction, {}),
            "median_ms": round(median(arrived), 1) if arrived else None,
            "outside": sum(one.direction == direction and one.stage == "sent" for one in journeys),
        }
    checks = {name: _check(watch, name, check) for name, check in reading.checks.items()}
    return {"fresh": reading.fresh, "checks": checks, "directions": directions}


def _check(watch: Watch, name: str, check: Json) -> Json:
    silent = None if check["ok"] else watch.silent(name)
    return check if silent is None else {**check, "reason": silent}


def _lane(client: str, direction: str, travelled: list[Journey]) -> Json:
    waiting = [one for one in travelled if one.open]
    arrived = [one.ms for one in travelled if one.ms is not None]
    first = waiting[0] if waiting else None
    return {
        "client": client,
        "direction": direction,
        "outside": sum(one.stage == "sent" for one in waiting),
        "waiting": sum(one.stage == "relay" for one in waiting),
        "arrived": len(arrived),
        "dead": sum(one.stage == "dead" for one in travelled),
        "ms": arrived[-1] if arrived else None,
        "reason": first.reason if first else None,
        "attempts": first.attempts if first else 0,
    }


def _journey(journey: Journey) -> Json:
    return {
        "number": journey.number,
        "client": journey.client,
        "direction": journey.direction,
        "what": journey.what,
        "stage": journey.stage,
        "ms": journey.ms,
        "reason": journey.reason,
        "attempts": journey.attempts,
        "delivery": journey.delivery,
        "twice": journey.twice,
    }
