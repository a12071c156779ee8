"""`python -m relay.sandbox.demo.child`: `relay run`, which ends with the demo however that ends, `kill -9` included."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html


def end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies; what is executed next inherits it. Only Linux has this."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died just before
            sys.exit(0)


if __name__ == "__main__":
    end_with_parent()
    os.execv(sys.executable, [sys.executable, "-m", "relay", "run"])  # noqa: S606 - ourselves
