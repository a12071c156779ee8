"""Waiting for what must come, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float = 10.0) -> None:
    """Return once `condition` holds. Raises TimeoutError when it does not within so many seconds."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - what is watched lives in a database or another process
            await asyncio.sleep(0.005)
