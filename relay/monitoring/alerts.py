"""Calls a person: looks at the relay every few seconds, and tells each outlet what was raised and what is over."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from uuid import NAMESPACE_URL, uuid5

import structlog

from relay.errors import RelayError, Unavailable, place_of
from relay.monitoring.alerting import DeadCount, Trouble, Watch, of_dead, of_disk, of_health, of_starts
from relay.monitoring.health import Watched, look
from relay.store.alerts import Alert
from relay.store.store import Store
from relay.store.totals import Counts
from relay.words.catalogue import words_for

log = structlog.get_logger()

_LOOK: Final = 15.0  #: Seconds between two looks.
_STANDS_BY: Final = 0.5  #: The same while another relay calls.

Stage = Literal["raised", "over"]


@dataclass(frozen=True, slots=True)
class Line:
    """What an outlet is to tell."""

    id: str  #: The same when it is told again.
    stage: Stage
    alert: Alert
    text: str  #: In the operator's language.


#: Tells a line. Raises RelayError if nobody has got it; then it is told again.
Outlet = Callable[[Line], Awaitable[object]]


@dataclass(slots=True)
class Alerts:
    """The alerts of one relay. `outlets` by `url` and `chat`; without any nothing is done."""

    channels: Sequence[Watched]
    store: Store
    outlets: Mapping[str, Outlet]
    language: str
    free_disk: Callable[[], float]
    pause: float = _LOOK
    now: Callable[[], float] = time.time
    _watch: Watch = field(default_factory=Watch)
    _dead: dict[str, DeadCount] = field(default_factory=dict)
    _unclean: int = 0
    _started: float = 0.0
    _failing: set[tuple[str, str]] = field(default_factory=set)

    async def run(self) -> None:
        """Look until cancelled."""
        if not self.outlets:
            return
        self._started = self.now()
        with suppress(Unavailable):
            await self.store.begin_run()
        is_ours = False
        while True:
            was_ours, is_ours = is_ours, self.store.has_duty("alerts")  # of several relays one calls
            if not is_ours:
                await asyncio.sleep(_STANDS_BY)
                continue
            if not was_ours:
                with suppress(Unavailable):
                    self._watch.alerts = {alert.name: alert for alert in await self.store.all_alerts()}
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - no message may suffer for an alert
                log.error("alert.bug", error=place_of(error))  # noqa: TRY400 - as everywhere, without its words
            await asyncio.sleep(self.pause)

    async def end(self) -> None:
        """The process ends as it was told to."""
        if self.outlets:
            with suppress(Unavailable):
                await self.store.end_run()

    async def _look(self) -> None:
        for alert in self._watch.look(self.now(), await self._troubles()):
            stage = "raised" if alert.over_at is None else "over"
            log.warning("alert", stage=stage, name=alert.name, reason=alert.reason)
            await self._keep(alert)
        for alert in list(self._watch.alerts.values()):
            await self._tell(alert)

    async def _count_ends(self) -> None:
        """Another relay may have died just now: then it is not long since one did."""
        with suppress(Unavailable):
            before, self._unclean = self._unclean, await self.store.unclean_ends()
            if self.store.others and self._unclean > before:
                self._started = self.now()

    async def _troubles(self) -> list[Trouble]:
        await self._count_ends()
        labels = [(each.prefix, each.label) for each in self.channels]
        troubles = of_health(await look(self.channels, self.store), labels)
        for each in self.channels:
            with suppress(Unavailable):
                troubles += self._of_dead(each, await self.store.count(each.key))
        with suppress(OSError):
            troubles += of_disk(self.free_disk())
        return [*troubles, *of_starts(self._unclean, self.now() - self._started)]

    def _of_dead(self, channel: Watched, counts: Counts) -> list[Trouble]:
        directions = ("to_kit", "to_telegram")
        died = sum(counts.totals.get((direction, "dead"), 0) for direction in directions)
        lying = sum(counts.dead_letters(direction) for direction in directions)
        count = self._dead.setdefault(channel.key, DeadCount(died))
        label = channel.label if channel.prefix else ""
        return of_dead(count, died, lying, self.now(), f"{channel.prefix}dead", label)

    async def _tell(self, alert: Alert) -> None:
        """Tell each outlet what it does not know yet; forget what is over and known to all."""
        stage: Stage = "raised" if alert.over_at is None else "over"
        for name, outlet in self.outlets.items():
            told = getattr(alert, f"{name}_told")
            # Of what nobody heard while it lasted nobody needs to hear the end.
            if told != stage and (told or stage == "raised") and not await self._told(name, outlet, alert, stage):
                continue
            alert = replace(alert, url_told=stage) if name == "url" else replace(alert, chat_told=stage)
        if alert != self._watch.alerts[alert.name]:
            self._watch.alerts[alert.name] = alert
            await self._keep(alert)
        if all(getattr(alert, f"{name}_told") == "over" for name in self.outlets):
            del self._watch.alerts[alert.name]
            with suppress(Unavailable):
                await self.store.drop_alert(alert.name)

    async def _told(self, name: str, outlet: Outlet, alert: Alert, stage: Stage) -> bool:
        line_id = f"msg_{uuid5(NAMESPACE_URL, f'{alert.name}:{alert.since}:{stage}').hex}"
        try:
            await outlet(Line(line_id, stage, alert, text_of(alert, stage, self.language)))
        except RelayError as error:
            if (name, line_id) not in self._failing:
                log.warning("alert.untold", outlet=name, name=alert.name, reason=str(error))
            self._failing.add((name, line_id))
            return False
        self._failing.discard((name, line_id))
        return True

    async def _keep(self, alert: Alert) -> None:
        with suppress(Unavailable):  # what cannot be stored is told all the same; it may be told again after a restart
            await self.store.keep_alert(alert)


def text_of(alert: Alert, stage: Stage, language: str) -> str:
    """The line, for people."""
    words = words_for(language)
    title = words.say(f"alert.{alert.kind}")
    where = f" ({alert.channel})" if alert.channel else ""
    if alert.over_at is None or stage == "raised":
        return words.say("alert.raised", title=f"{title}{where}", reason=alert.reason)
    minutes = max(1, round((alert.over_at - alert.since) / 60))
    return words.say("alert.over", title=f"{title}{where}", minutes=minutes)
