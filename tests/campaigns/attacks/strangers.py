"""`python -m tests.campaigns.attacks.strangers PORT HEADS BODIES`: a crowd, in a process of its own.

It opens so many connections with half a head and sends so many large bodies at once, under a signature that is none;
then it prints the statuses of the answers, and stays until it is ended.
"""

import asyncio
import json
import resource
import sys
from typing import Final

_HEAD: Final = b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n"
#: Each takes long to parse, in its own way.
_BODIES: Final = (
    b'{"a":' * 200_000,
    b'{"event_id": "e", "a": [' + b"1," * 500_000 + b"1]}",
    b'{"event_id": "e", "a": "' + b"\\u0041" * 170_000 + b'"}',
)


async def half_head(port: int) -> asyncio.StreamWriter:
    """Open, begin, and say no more."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /kit/callback HTTP/1.1\r\nHost: relay\r\nX: ")
    return writer


async def post(port: int, body: bytes) -> int:
    """The answer's status; 0 when the connection was closed without any."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_HEAD % (b"0" * 32, len(body)) + body)
        answer = await asyncio.wait_for(reader.readline(), 60)
    except ConnectionError:
        return 0
    finally:
        writer.close()
    return int(answer.split()[1]) if answer else 0


async def crowd(port: int, heads: int, bodies: int) -> None:
    """All at once."""
    held = await asyncio.gather(*(half_head(port) for _ in range(heads)))
    statuses = await asyncio.gather(*(post(port, _BODIES[number % 3][: 2**20 - 1]) for number in range(bodies)))
    print(json.dumps(statuses), flush=True)  # noqa: T201 - what it was asked for
    await asyncio.Event().wait()
    del held


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
    asyncio.run(crowd(*map(int, sys.argv[1:])))
