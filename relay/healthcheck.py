"""Asks the relay in this container whether it is alive: `python -m relay.healthcheck`, exit status 0 or 1."""

import os
import sys
from http.client import HTTPConnection, HTTPException


def main() -> int:
    """Say what /healthz of the admin port says. Reads the two variables that move it, and nothing else."""
    host = os.environ.get("RELAY_ADMIN_HOST") or "127.0.0.1"
    connection = HTTPConnection(host, int(os.environ.get("RELAY_ADMIN_PORT") or 8081), timeout=3)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        print(f"no answer: {type(error).__name__}")  # noqa: T201 - `docker inspect` shows it
        return 1
    print(status)  # noqa: T201
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
