"""Requests that are none, or two, or that ask the public port for what is not public."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from tests.campaigns.attacks.attacked import FORGED, Attacked, Result, attacked
from tests.campaigns.attacks.callbacks import broken
from tests.campaigns.attacks.raw import send, statuses
from tests.secrets import secrets_in, spellings

#: What no answer may hold: of files of this machine, of the internal port, of a traceback.
INNER: Final = (b"root:x:", b"relay_received_total", b'"ready"', b"Traceback", b"SQLite format")
#: Seconds. Who sends half a request is left waiting here; that this ends is another test's matter.
_PATIENCE: Final = 1.0
_AT_A_TIME: Final = 16

HOST: Final = b"Host: relay\r\n"
GET: Final = b"GET /healthz HTTP/1.1\r\n" + HOST

#: Each would be a second request, or a body that two readers would end at different places.
SMUGGLED: Final = {
    "both lengths": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "a list of lengths": b"Content-Length: 5, 6\r\n\r\nabcdef",
    "a signed length": b"Content-Length: +5\r\n\r\nabcde",
    "a negative length": b"Content-Length: -1\r\n\r\n",
    "a length in hex": b"Content-Length: 0x5\r\n\r\nabcde",
    "an endless length": b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "a spaced colon": b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\nabcde",
    "a coding nobody knows": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked, then not": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a folded header": b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of endless size": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "a chunk of negative size": b"Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    "a chunk with a long name": b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 20_000 + b"\r\nx\r\n0\r\n\r\n",
    "a header after the body": b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: x\r\n\r\n",
}
ODD: Final = {
    "no HTTP": b"hello\r\n\r\n",
    "nothing": b"\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(32),
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\n" + HOST + b"\r\n",
    "line feeds alone": b"GET /healthz HTTP/1.1\nHost: relay\n\n",
    "a NUL in a header": GET + b"X: a\0b\r\n\r\n",
    "a line break in a name": GET + b"X\n: a\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: other\r\n\r\n",
    "a proxy's request": b"GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n",
    "trace": b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"Authorization: x\r\n\r\n",
    "options of all": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method without end": b"A" * 50_000 + b" / HTTP/1.1\r\n\r\n",
    "a path without end": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a header without end": GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "a name without end": GET + b"a" * 100_000 + b": x\r\n\r\n",
    "ten thousand headers": GET + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
    "a websocket": GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\n\r\n",
    "h2c": GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    "a wish to go on": b"POST /kit/callback HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "a wish nobody knows": GET + b"Expect: the unexpected\r\n\r\n",
    "many ranges": b"GET /media/AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\n"
    + HOST
    + b"Range: bytes="
    + b"0-," * 5000
    + b"\r\n\r\n",
    "a hundred requests at once": (GET + b"\r\n") * 100,
}
PATHS: Final = (
    *("/metrics", "/readyz", "/admin", "/.env", "/relay.db", "/data/relay.db", "/.git/config", "/server-status"),
    *("/media/../../../../etc/passwd", "/media/..%2f..%2f..%2fetc%2fpasswd", "/media/%2e%2e/%2e%2e/etc/passwd"),
    *("/media//etc/passwd", "/media/AAAAAAAAAAAAAAAAAAAAAA/../../metrics", "/media/%00"),
    *("//metrics", "/./metrics", "/kit/../metrics", "/kit/callback/../../readyz", "/%6detrics", "/metrics/"),
    *("/healthz/../metrics", "/metrics?x=/healthz", "/metrics;x", "/METRICS", "/\\metrics", "/media/' OR 1=1 --"),
)  # fmt: skip


def requests(dice: Random) -> Iterator[tuple[str, bytes]]:
    """All of them, and each once more with its bytes changed."""
    fixed = dict(ODD)
    post = b"POST /kit/callback HTTP/1.1\r\n" + HOST
    fixed |= {f"{name}, posted": post + rest for name, rest in SMUGGLED.items()}
    fixed |= {f"{name}, got": GET + rest for name, rest in SMUGGLED.items()}
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
        for path in PATHS:
            fixed[f"{method} {path}"] = f"{method} {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n".encode()
    yield from fixed.items()
    for name, request in fixed.items():
        yield f"{name}, changed", broken(request, dice)


async def attack_raw(home: Path, dice: Random) -> Result:
    """Send each on a connection of its own."""
    result = Result("raw HTTP")
    async with attacked(home) as desk:
        places, said = asyncio.Semaphore(_AT_A_TIME), list[bytes]()

        async def ask(name: str, request: bytes) -> None:
            async with places:
                answer = await send(desk.relay.port, request, wait=_PATIENCE)
            said.append(answer)
            # Bytes that were changed at random may really hold several requests.
            may = request.count(b" HTTP/1.") if name.endswith("changed") or "hundred" in name else 1
            _look_at(result, name, answer, may)

        asked = list(requests(dice))
        result.tried = len(asked)
        await asyncio.gather(*(ask(name, request) for name, request in asked))
        await _smuggle_a_callback(desk, result)
        await desk.check(result, said=said)
    return result


def _look_at(result: Result, name: str, answer: bytes, may: int) -> None:
    found = statuses(answer)
    result.expect(f"{name}: an answer of status {max(found, default=0)}", held=max(found, default=0) < 500)
    result.expect(f"{name}: {answer[:80]!r}", held=not any(each in answer for each in INNER))
    result.expect(f"{name}: {len(found)} answers", held=found.count(200) <= may)


async def _smuggle_a_callback(desk: Attacked, result: Result) -> None:
    """What two readers would end at different places must not hide a request, not even a signed one of its own."""
    secrets = spellings(desk.kit.salt, desk.kit.api_token)
    hidden = desk.kit.callbacks.message("107804195", FORGED)
    inner = b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        hidden.authorization.encode(),
        len(hidden.body),
        hidden.body,
    )
    for lengths in (
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(inner)),
        b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n" % len(inner),
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ):
        answer = await send(desk.relay.port, b"GET /healthz HTTP/1.1\r\n" + HOST + lengths + inner, wait=_PATIENCE)
        result.tried += 1
        result.expect(f"smuggled by {lengths!r}", held=statuses(answer).count(200) <= 1)
        result.expect("a secret in an answer", held=not secrets_in([answer], secrets))
