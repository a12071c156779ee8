"""Which lines are walked is recorded as long as there is something to learn.

Up to Python 3.11 a program that is traced takes nearly twice the time. A table's first rows walk what its other rows
walk, and so do the fixtures that a hundred tests have in common: once five in a row have brought nothing new, the rest
of them run untraced. What Hypothesis does, and what is marked `untraced`, is not recorded at all: it walks the same
lines hundreds of times.

pytest-cov's own `no_cover` is not used: in a worker it leaves a second tracer behind that goes on.
"""

import sys
from collections import defaultdict
from collections.abc import Hashable, Iterator
from typing import Any, Final

import pytest
from hypothesis import is_hypothesis_test

#: So many in a row that brought nothing new, and no more is looked for.
ENOUGH: Final = 5


class Tracing:
    """Has coverage's tracer of this process, and lets it see what may be new."""

    def __init__(self) -> None:
        self._tracer: Any = None
        self._nothing_new: defaultdict[Hashable, int] = defaultdict(int)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """From here on, nothing is traced but what tests and fixtures do: not pytest's own work."""
        if type(tracer := sys.gettrace()).__module__.startswith("coverage"):
            self._tracer = tracer
            sys.settrace(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        return (yield from self._looked_at("setup", *_fixtures(item)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        function = getattr(item, "obj", None)
        if is_hypothesis_test(function) or item.get_closest_marker("untraced"):
            return (yield)
        return (yield from self._looked_at("call", item.path, getattr(item, "originalname", item.name)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        return (yield from self._looked_at("teardown", *_fixtures(item)))

    def _looked_at(self, *what: Hashable) -> Iterator[None]:
        if self._tracer is None or self._nothing_new[what] == ENOUGH:
            return (yield)
        before = self._seen()
        sys.settrace(self._tracer)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self._nothing_new[what] = 0 if self._seen() > before else self._nothing_new[what] + 1

    def _seen(self) -> int:
        """How many steps from line to line this process has seen."""
        return sum(map(len, self._tracer.data.values()))


def _fixtures(item: pytest.Item) -> tuple[Hashable, ...]:
    return item.path.parent, *getattr(item, "fixturenames", ())
