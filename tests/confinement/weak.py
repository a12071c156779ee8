"""The trial of `relay check`, in a child on a kernel that does not have Landlock. There is no other here."""

from dataclasses import replace

from relay.media import trial
from relay.media.confinement import landlock
from relay.media.work import Work


def work() -> Work:
    return replace(trial.work(), load=_lack_landlock)


def _lack_landlock() -> None:
    landlock.landlock_version = lambda: 0
