"""How long messages take, beside those of a relay at the same time to which nothing happens.

Two figures of one machine at two times differ by what else it did. So what is compared was said in the same seconds,
and of many such slices the median counts: a machine that is busy with something else for a moment spoils one of them.
"""

import statistics
from collections.abc import Mapping
from typing import Final

SLICE: Final = 5.0  #: Seconds.


def p95s(took: Mapping[float, float], since: float, until: float) -> dict[int, float]:
    """The 95th percentile of how long the messages took that were said in each slice of this time, by slice.

    `took` says by the moment at which a message was said how long it took; all are seconds.
    """
    slices = max(1, int((until - since) / SLICE))
    by_slice: dict[int, list[float]] = {}
    for at, seconds in took.items():
        if since <= at < until:
            by_slice.setdefault(int((at - since) / (until - since) * slices), []).append(seconds)
    return {number: statistics.quantiles(each, n=20)[-1] for number, each in by_slice.items() if len(each) > 1}


def multiples(own: Mapping[float, float], beside: Mapping[float, float], since: float, until: float) -> list[float]:
    """By how much longer a slice's messages took than those beside it, slice by slice."""
    took, took_beside = p95s(own, since, until), p95s(beside, since, until)
    return [took[number] / took_beside[number] for number in sorted(took.keys() & took_beside.keys())]
