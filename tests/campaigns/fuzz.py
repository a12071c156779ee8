"""`python -m tests.campaigns.fuzz`: every test with Hypothesis, with other dice each time, for minutes or hours.

The suite tries the same examples each time. This finds new ones; what it finds becomes a test of its own. Paths name
some of the tests: `python -m tests.campaigns.fuzz --examples 1000 tests/mapping`.
"""

import argparse
import os
import subprocess
import sys


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.fuzz", description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000, help="in one portion; a test tries some portions")
    parser.add_argument("tests", nargs="*", default=["tests"])
    options = parser.parse_args()
    command = (sys.executable, "-m", "pytest", "-m", "hypothesis", "--hypothesis-profile", "long", "--timeout", "0")
    environment = {**os.environ, "FUZZ_EXAMPLES": str(options.examples)}
    return subprocess.run((*command, *options.tests), env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
