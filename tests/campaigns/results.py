"""What long campaigns have found so far: a file to which each run appends a line."""

import json
from pathlib import Path
from typing import Any


def append(file: Path, result: dict[str, Any]) -> None:
    """Write one run's result, a JSON value, as a line at the end of the file."""
    with file.open("a") as lines:
        lines.write(json.dumps(result) + "\n")


def total(file: Path, of: str) -> str:
    """What all runs in the file come to, added up by this figure of theirs."""
    results = [json.loads(line) for line in file.read_text().splitlines()]
    broken = [result for result in results if result["found"]]
    return f"{sum(result[of] for result in results)} {of} in {len(results)} runs so far, {len(broken)} broken"
