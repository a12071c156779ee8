"""Waiting for what must come, with a deadline."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]], *, within: float = 90.0) -> None:
    """Return once `condition` holds. Raises TimeoutError when it does not within so many seconds."""
    pause = 0.005
    async with asyncio.timeout(within):
        while not await condition():
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 1.2)  # who asks all the time holds up whom it asks
