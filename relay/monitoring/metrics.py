"""The relay's Prometheus metrics. Totals come from the store, so that they survive restarts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from relay.model import Direction, Member
from relay.monitoring.durations import Durations, DurationsByLabels
from relay.store.totals import Counts

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_OUTCOMES = ("received", "delivered", "dead", "declined", "revived", "dropped")
_LANE_LABELS = ("channel", "direction")


class _Stored(Collector):
    """What the store counted, and how each side was, as of the last look."""

    def __init__(self) -> None:
        self.counts: Mapping[str, Counts] = {}  #: By channel, as people call it.
        self.checks: Mapping[str, bool] = {}  #: As `/readyz` has them.
        self.now = 0.0
        self.members: Iterable[Member] = ()

    def collect(self) -> Iterable[Metric]:
        totals = {
            outcome: CounterMetricFamily(
                f"relay_{outcome}", f"Letters and deliveries {outcome}, in total.", labels=_LANE_LABELS
            )
            for outcome in _OUTCOMES
        }
        waiting = GaugeMetricFamily("relay_waiting", "Deliveries that wait.", labels=_LANE_LABELS)
        oldest = GaugeMetricFamily(
            "relay_oldest_waiting_seconds", "Age of the oldest waiting delivery.", labels=_LANE_LABELS
        )
        dead = GaugeMetricFamily("relay_dead_letters", "Dead letters that lie there now.", labels=_LANE_LABELS)
        ratings = CounterMetricFamily("relay_ratings", "Stars that customers gave.", labels=("channel", "stars"))
        asked = CounterMetricFamily("relay_ratings_asked", "Customers asked for stars.", labels=("channel",))
        for channel, counts in self.counts.items():
            asked.add_metric((channel,), counts.asked_for_rating)
            for stars, given in counts.ratings.items():
                ratings.add_metric((channel, str(stars)), given)
            for direction in ("to_kit", "to_telegram"):
                for outcome, family in totals.items():
                    family.add_metric((channel, direction), counts.totals.get((direction, outcome), 0))
                waiting.add_metric((channel, direction), counts.waiting.get(direction, 0))
                dead.add_metric((channel, direction), counts.dead_letters(direction))
                since = counts.oldest.get(direction, self.now)
                oldest.add_metric((channel, direction), max(0.0, self.now - since))
        checks = GaugeMetricFamily("relay_check", "1 when this check of /readyz is well.", labels=("check",))
        for name, well in self.checks.items():
            checks.add_metric((name,), well)
        yield from (*totals.values(), waiting, oldest, dead, ratings, asked, checks, *self._replica())

    def _replica(self) -> Iterable[Metric]:
        who = GaugeMetricFamily("relay_replica_info", "1: whose metrics these are.", labels=("replica",))
        duties = GaugeMetricFamily("relay_replica_duty", "1: what it does that only one may.", labels=("duty",))
        for each in self.members:
            if each.is_me:
                who.add_metric((each.name,), 1)
                for duty in each.duties:
                    duties.add_metric((duty,), 1)
        return who, duties


@dataclass(frozen=True, slots=True)
class CourierMetrics:
    """The series of one direction, looked up once: a courier notes thousands of attempts a second."""

    _attempts: dict[str, Counter]
    _attempt_seconds: Durations
    _delivery_seconds: Durations
    _down: Gauge
    _bury: Callable[[str], None]

    def attempted(self, outcome: str, seconds: float) -> None:
        """Note an attempt, and how it ended (delivered, retried, dead)."""
        self._attempts[outcome].inc()
        self._attempt_seconds.observe(seconds)

    def seems_down(self, down: bool) -> None:  # noqa: FBT001 - what there is to say
        """Note whether the other side seems down now."""
        self._down.set(down)

    def delivered(self, seconds: float) -> None:
        """Note a delivery and its age."""
        self._delivery_seconds.observe(seconds)

    def buried(self, why: str) -> None:
        """Note a dead letter, or a part of a delivery that became one, by its reason in the catalogue."""
        self._bury(why)


class _Series(dict[str, Counter]):
    """The series of one channel, by their last label. Each is looked up once: that takes longer than to count."""

    def __init__(self, counter: Counter, channel: str) -> None:
        super().__init__()
        self._counter = counter
        self._channel = channel

    def __missing__(self, label: str) -> Counter:
        series = self[label] = self._counter.labels(self._channel, label)
        return series


@dataclass(frozen=True, slots=True)
class ChannelMetrics:
    """What one channel measures."""

    _all: "Metrics"
    _channel: str
    _updates: _Series
    _callbacks: _Series

    def of_courier(self, direction: Direction) -> CourierMetrics:
        """What one courier measures."""
        labels = self._channel, direction
        return CourierMetrics(
            {outcome: self._all.attempts.labels(*labels, outcome) for outcome in ("delivered", "retried", "dead")},
            self._all.attempt_seconds.labels(*labels),
            self._all.delivery_seconds.labels(*labels),
            self._all.down.labels(*labels),
            lambda why: self._all.buried.labels(*labels, why).inc(),
        )

    def updated(self, verdict: str, times: int) -> None:
        """Note so many updates from Telegram."""
        self._updates[verdict].inc(times)

    def read_in_part(self) -> None:
        """Note an update of which an agent gets only what could be read."""
        self._all.read_in_part.labels(self._channel).inc()

    def called_back(self, verdict: str) -> None:
        """Note a request to Kit's callback."""
        self._callbacks[verdict].inc()

    def signed_with_previous(self) -> None:
        """Note an event that Kit signed with a salt or API token of before."""
        self._all.signed_with_previous.labels(self._channel).inc()

    def refused_from_kit(self, times: int) -> None:
        """Note callbacks that were refused although they look like Kit's."""
        self._all.refused_from_kit.labels(self._channel).inc(times)

    @property
    def media_streams(self) -> Gauge:
        """Files that are streamed now."""
        return self._all.media_streams.labels(self._channel)

    def pressed(self, outcome: str) -> None:
        """Note what became of the answer to a button that was pressed."""
        self._all.presses.labels(self._channel, outcome).inc()

    def skipped_payload(self) -> None:
        """Note a payload item of Kit's that the relay does not know."""
        self._all.skipped_payloads.labels(self._channel).inc()


class Metrics:
    """Everything that is measured. One object a relay, with a registry of its own."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._stored = _Stored()
        registry.register(self._stored)
        self.attempts = Counter("relay_attempts", "Attempts to deliver.", (*_LANE_LABELS, "outcome"), registry=registry)
        self.attempt_seconds = DurationsByLabels(
            "relay_attempt_seconds", "How long an attempt took.", _LANE_LABELS, _SECONDS
        )
        registry.register(self.attempt_seconds)
        self.delivery_seconds = DurationsByLabels(
            "relay_delivery_seconds", "From acceptance to delivery.", _LANE_LABELS, _SECONDS
        )
        registry.register(self.delivery_seconds)
        self.callbacks = Counter(
            "relay_callbacks", "Requests to Kit's callback.", ("channel", "verdict"), registry=registry
        )
        self.refused_from_kit = Counter(
            "relay_callbacks_refused_from_kit",
            "Callbacks that were refused although they look like Kit's: its salt or API token is another.",
            ("channel",),
            registry=registry,
        )
        self.signed_with_previous = Counter(
            "relay_callbacks_signed_with_previous",
            "Events that Kit signed with the salt or API token of before.",
            ("channel",),
            registry=registry,
        )
        self.updates = Counter("relay_updates", "Updates from Telegram.", ("channel", "verdict"), registry=registry)
        self.read_in_part = Counter(
            "relay_updates_read_in_part",
            "Updates of which agents got only what could be read.",
            ("channel",),
            registry=registry,
        )
        self.presses = Counter(
            "relay_presses", "Buttons pressed by customers.", ("channel", "outcome"), registry=registry
        )
        self.skipped_payloads = Counter(
            "relay_skipped_payloads",
            "Payload items of Kit that the relay does not know.",
            ("channel",),
            registry=registry,
        )
        self.media_streams = Gauge(
            "relay_media_streams", "Files that are streamed now.", ("channel",), registry=registry
        )
        self.media_conversions = Counter(
            "relay_media_conversions",
            "Media converted, and openings of what was kept.",
            ("outcome",),
            registry=registry,
        )
        self.media_cache_bytes = Gauge(
            "relay_media_cache_bytes", "Bytes of converted files that are kept.", registry=registry
        )
        self.buried = Counter(
            "relay_buried",
            "Deliveries, and parts of some, that got no further.",
            (*_LANE_LABELS, "why"),
            registry=registry,
        )
        self.down = Gauge("relay_side_down", "1 while the other side seems down.", _LANE_LABELS, registry=registry)
        self.started_at = Gauge("relay_started_at_seconds", "Unix time of the start.", registry=registry)
        self.disk_free_bytes = Gauge(
            "relay_disk_free_bytes",
            "Bytes that are free on the fullest disk of the relay's.",
            registry=registry,
        )

    def of_channel(self, channel: str) -> ChannelMetrics:
        """What one channel measures; `channel` is what people call it."""
        return ChannelMetrics(self, channel, _Series(self.updates, channel), _Series(self.callbacks, channel))

    def render(
        self, counts: Mapping[str, Counts], checks: Mapping[str, bool], now: float, members: Iterable[Member] = ()
    ) -> bytes:
        """The exposition text, with the store's counts and the checks of this moment."""
        self._stored.counts, self._stored.checks, self._stored.now = counts, checks, now
        self._stored.members = members
        return generate_latest(self._registry)
