"""The benchmark measures what works: its own exit code says whether anything of ours was lost or out of order."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("scenario", "rows"),
    [
        ("mapping", ["Update.de_json", "mapping it", "remembering it", "mapping and remembering"]),
        ("inbound", ["messages/s", "lost", "out of order", "two of a chat at once", "not committed"]),
        ("callbacks", ["accepted/s", "delivered/s", "accepted and lost", "out of order", "not committed"]),
    ],
)
def test_a_small_run_loses_nothing_and_prints_a_table(scenario: str, rows: list[str]) -> None:
    """Everything arrives, in order and committed, and a table tells how fast."""
    command = [sys.executable, "-m", "tests.bench", "--quick", "--only", scenario]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(row in done.stdout for row in rows), done.stdout
    assert "BROKEN" not in done.stdout
