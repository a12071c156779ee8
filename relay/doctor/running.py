"""What a relay that runs on this machine says of itself."""

from typing import Final

import aiohttp

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.settings import Settings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


async def check_running(settings: Settings, session: aiohttp.ClientSession) -> Finding:
    """Ask `/readyz` of the internal port."""
    url = f"http://{settings.relay_admin_host}:{settings.relay_admin_port}/readyz"
    try:
        async with session.get(url, timeout=_TIMEOUT) as response:
            checks = (await response.json())["checks"].items()
            unwell = [f"{name}: {check['reason']}" for name, check in checks if not check["ok"]]
    except (aiohttp.ClientConnectorError, TimeoutError):
        return skipped("relay", "none runs on this machine")
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return wrong("relay", f"{url} is answered by something else", "Set RELAY_ADMIN_PORT to a free port.")
    if unwell:
        return wrong("relay", f"runs, and is not well: {'; '.join(unwell)}", "docs/operations.md says what to do.")
    return well("relay", "runs, and is well")
