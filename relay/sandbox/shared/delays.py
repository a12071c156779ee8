"""How long messages were on their way, told by texts that end in `@MONOTONIC SECONDS` of when they were written."""

from collections.abc import Iterable


def delays(arrivals: Iterable[tuple[object, float]]) -> dict[str, float | None]:
    """Percentiles in milliseconds of the (text, arrived at) arrivals; texts without a time are passed over.

    All processes of a machine share the monotonic clock.
    """
    took = sorted(1000 * (at - written) for text, at in arrivals if (written := _written(text)) is not None)

    def percentile(share: float) -> float | None:
        return round(took[min(len(took) - 1, int(len(took) * share))], 2) if took else None

    return {"p50": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99), "max": percentile(1.0)}


def _written(text: object) -> float | None:
    _, at, seconds = str(text).rpartition("@")
    try:
        return float(seconds) if at else None
    except ValueError:
        return None
