"""A relay whose machine has another clock. With libfaketime Python's own sleeps fail, or never end."""

from pathlib import Path


def another_clock(seconds: float) -> dict[str, str]:
    """What a process has in its environment whose clock is so much ahead. Its monotonic clock is everybody's."""
    return {"PYTHONPATH": str(Path(__file__).parent), "CLOCK_AHEAD": str(seconds)}
