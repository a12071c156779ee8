"""Asks the relay in this container how it is: `python -m relay.healthcheck`, exit status 0 or 1.

Without arguments whether it is alive (/healthz, for Docker); with `--ready` whether it does its work (/readyz, for
people), one line for each check. Imports nothing heavy: Docker runs it twice a minute.
"""

import json
import os
import sys
from http.client import HTTPConnection, HTTPException


def main(arguments: list[str]) -> int:
    """Say what the admin port says. Reads the two variables that move it, and nothing else."""
    if arguments not in ([], ["--ready"]):
        return _say("use: python -m relay.healthcheck [--ready]")
    host = os.environ.get("RELAY_ADMIN_HOST") or "127.0.0.1"
    port = os.environ.get("RELAY_ADMIN_PORT") or "8081"
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        return _say("RELAY_ADMIN_PORT: must be a whole number up to 65535.")
    try:
        status, body = _get(host, int(port), "/readyz" if arguments else "/healthz")
    except (OSError, HTTPException, UnicodeError) as error:
        return _say(f"no answer: {type(error).__name__}. Is the relay running?")
    if arguments:
        return _say(_readable(body), code=0 if status == 200 else 1)
    return _say(str(status), code=0 if status == 200 else 1)


def _get(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection(host, port, timeout=3)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _readable(body: bytes) -> str:
    try:
        said = json.loads(body)
        lines = [f"{'✓' if check['ok'] else '✗'} {name}: {check['reason']}" for name, check in said["checks"].items()]
        return "\n".join([*lines, *(f"! {name}: {reason}" for name, reason in said["warnings"].items())])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "the answer is not the relay's. Is another program on this port?"


def _say(line: str, *, code: int = 1) -> int:
    sys.stdout.buffer.write(f"{line}\n".encode())  # UTF-8 even where the locale is C
    sys.stdout.buffer.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
