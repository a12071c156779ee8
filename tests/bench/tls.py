"""TLS in front of ports of this machine, in a process of its own: `python -m tests.bench.tls PORT…` prints its ports.

It only encrypts and decrypts, so that all contenders pay for TLS on their own side of it alone.
"""

import asyncio
import json
import ssl
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final

import click

#: For 127.0.0.1, with its key.
CERTIFICATE: Final = Path(__file__).parents[1] / "telegram" / "self_signed.pem"
_CHUNK: Final = 2**16


async def _pass_on(target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        plain_reader, plain_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_copy(reader, plain_writer), _copy(plain_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    finally:
        writer.close()


async def _serve(targets: list[int]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    async with AsyncExitStack() as stack:
        ports = []
        for target in targets:
            server = await asyncio.start_server(partial(_pass_on, target), "127.0.0.1", 0, ssl=context)
            await stack.enter_async_context(server)
            ports.append(server.sockets[0].getsockname()[1])
        click.echo(json.dumps(ports))
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve([int(port) for port in sys.argv[1:]]))
