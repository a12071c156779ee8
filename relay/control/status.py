"""The operation `status`: what a person wants to see at three in the morning, as JSON."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from relay import __version__
from relay.control.operation import OperationContext
from relay.model import Member, poll_duty
from relay.monitoring.callbacks import REMEDY, health_of
from relay.monitoring.health import Check, Watched, look, oldest_waiting
from relay.settings.channels import Channel
from relay.store.survey import AGES, Survey

_DECLINED_AS = ("blocked", "flood", "foreign_owner", "held_start")
_TOTALS = ("received", "delivered", "declined", "dead", "revived", "dropped")


async def status(context: OperationContext, _parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every channel: its sides, what comes and goes, what waits, what died. Ages are seconds, `null` when unknown.

    `checks` and `warnings` are those of `/readyz`.
    """
    surveys = await asyncio.gather(*(context.store.survey(channel.key) for channel in context.channels))
    health = await look(context.watched, context.store)
    watched = {each.key: each for each in context.watched}
    now = time.monotonic()
    return {
        "running": context.started_at is not None,
        "version": __version__,
        "uptime": None if context.started_at is None else now - context.started_at,
        "other_relays": context.store.others,
        "relays": [_relay(each, context.channels) for each in context.store.members],
        "checks": {name: _check(check) for name, check in health.checks.items()},
        "warnings": health.warnings,
        "channels": [
            _channel(channel, survey, watched.get(channel.key))
            for channel, survey in zip(context.channels, surveys, strict=True)
        ],
    }


def _relay(member: Member, channels: Sequence[Channel]) -> dict[str, Any]:
    polls = {poll_duty(each.key): f"polls {each.label}" for each in channels}
    duties = [polls.get(duty, duty) for duty in member.duties]
    return {"name": member.name, "this": member.is_me, "duties": duties}


def _channel(channel: Channel, survey: Survey, watched: Watched | None) -> dict[str, Any]:
    sides = {} if watched is None else {name: check() for name, check in watched.sides.items()}
    ages = {} if watched is None else {name: age() for name, age in watched.ages.items()}
    return {
        "name": channel.label,
        "bot": channel.key,
        "username": None if watched is None else watched.username(),
        "sides": {name: _check(check) for name, check in sides.items()},
        "callbacks": _callbacks(survey),
        "oldest_waiting": _check(oldest_waiting(survey.counts, survey.at)),
        "poll_age": ages.get("poll"),
        "token_age": ages.get("token"),
        "directions": {direction: _direction(direction, survey, watched) for direction in ("to_kit", "to_telegram")},
        "unknown_clients": survey.counts.unknown_clients,
        "declined_as": {name: survey.counts.declined_as(name) for name in _DECLINED_AS},
        "ratings": {
            "asked": survey.counts.asked_for_rating,
            "stars": {str(stars): times for stars, times in survey.counts.ratings.items()},
        },
        "dead": [
            {
                "direction": dead.direction,
                "reason": dead.reason,
                "letters": dead.letters,
                "age": survey.at - dead.newest,
            }
            for dead in survey.dead
        ],
    }


def _check(check: Check) -> dict[str, Any]:
    return {"ok": check.ok, "reason": check.reason}


def _callbacks(survey: Survey) -> dict[str, Any]:
    health = health_of(survey.callbacks, survey.at)
    return {
        "ok": health.ok,
        "reason": health.reason,
        "remedy": None if health.ok else REMEDY,
        "refused_last_hour": health.refused,
        "last_refused": health.refused_age,
        "last_accepted": health.accepted_age,
    }


def _direction(direction: str, survey: Survey, watched: Watched | None) -> dict[str, Any]:
    counts, held = survey.counts, survey.held.get(direction)
    oldest = counts.oldest.get(direction)
    speed = None if watched is None else watched.speeds.get(direction)
    return {
        "received_per_minute": survey.received.get(direction, 0),
        "delivered_per_minute": survey.delivered.get(direction, 0),
        "attempt_seconds": None if speed is None else speed(),
        "waiting": counts.waiting.get(direction, 0),
        "waiting_by_age": dict(zip([*(f"{age:.0f}" for age in AGES), "older"], _ages(direction, survey), strict=True)),
        "oldest_waiting": None if oldest is None else max(0.0, survey.at - oldest),
        "held": None if held is None else {"chats": held.chats, "longest": held.longest},
        "dead_letters": counts.dead_letters(direction),
        "totals": {outcome: counts.totals.get((direction, outcome), 0) for outcome in _TOTALS},
    }


def _ages(direction: str, survey: Survey) -> list[int]:
    return survey.ages.get(direction, [0] * (len(AGES) + 1))
