"""How long things took, as Prometheus counts it: a histogram that costs little for each observation.

The one of prometheus_client walks through its buckets and takes two locks each time: a fiftieth of what a message from
a backlog cost the event loop. This one is for a single thread.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class Durations:
    """One series. `bounds` are in seconds, and each bucket holds what took that long or less."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)  #: Of each bucket by itself; the last one has no bound.
        self.total = 0.0  #: Seconds.
        self.created_at = time.time()

    def observe(self, seconds: float) -> None:
        """Count something that took so long."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.total += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """How many took that long or less, by the bound as Prometheus writes it."""
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(names, accumulate(self._counts), strict=True))


class DurationsByLabels(Collector):
    """The series of one name, by their labels."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        self._name, self._documentation = name, documentation
        self._labels, self._bounds = labels, bounds
        self._series: dict[tuple[str, ...], Durations] = {}

    def labels(self, *values: str) -> Durations:
        """The series of these labels, a new one if there is none."""
        return self._series.setdefault(values, Durations(self._bounds))

    def collect(self) -> Iterable[Metric]:
        """As prometheus_client's own histogram shows itself."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, series in self._series.items():
            family.add_metric(values, series.buckets(), series.total)
            created = dict(zip(self._labels, values, strict=True))
            family.add_sample(f"{self._name}_created", created, series.created_at)
        yield family
