"""`python -m tests.starting.server FD`: has loaded the relay, and forks for each start that the socket FD asks for.

A start brings a socket for its answers (the process id, and the exit code when it has ended) and the three standard
streams. When the asking end of FD is closed, whatever still runs is killed.
"""

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

import relay

#: Programs of their own, which the relay starts itself.
_NOT_LOADED = ("relay.__main__", "relay.media.conversion.worker", "relay.media.inspection.worker")


def load() -> None:
    """Import everything that a command of the relay may need."""
    for module in pkgutil.walk_packages(relay.__path__, "relay."):
        if not module.name.startswith(_NOT_LOADED):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Returns it in the process that was made for it; None when the server is to end."""
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd != control.fileno():
                    selector.unregister(key.fd)
                    _report(key.fd, *running.pop(key.fd))
                    continue
                request, files, _, _ = socket.recv_fds(control, 1 << 17, 4)
                if not request:
                    for pid, _ in running.values():
                        os.kill(pid, signal.SIGKILL)
                    return None
                answers = socket.socket(fileno=files[0])
                pid = os.fork()
                if pid == 0:
                    return {**json.loads(request), "streams": files[1:]}
                for each in files[1:]:
                    os.close(each)
                answers.send(str(pid).encode())
                watched = os.pidfd_open(pid)
                running[watched] = pid, answers
                selector.register(watched, selectors.EVENT_READ)


def _report(watched: int, pid: int, answers: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(watched)
    with answers, suppress(BrokenPipeError):
        answers.send(str(os.waitstatus_to_exitcode(status)).encode())


def become(request: dict[str, Any]) -> None:
    """Be the process that was asked for, up to the moment at which it loads its first module."""
    os.chdir(request["home"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    for number, file in enumerate(request["streams"]):
        os.dup2(file, number)
    os.closerange(3, 1024)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), sys.stdin.encoding, sys.stdin.errors)
    sys.stdout, sys.stderr = _writer(1, sys.stdout), _writer(2, sys.stderr)
    sys.path[0] = request["home"]
    sys.argv = ["relay", *request["arguments"]]
    if request["stopped"]:
        os.kill(os.getpid(), signal.SIGSTOP)


def _writer(number: int, old: Any) -> io.TextIOWrapper:
    buffered = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    lines = number == 2 or os.isatty(number)
    return io.TextIOWrapper(buffered, old.encoding, old.errors, line_buffering=lines)


if __name__ == "__main__":
    load()
    wanted = serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        become(wanted)
        runpy.run_module("relay", run_name="__main__", alter_sys=True)
