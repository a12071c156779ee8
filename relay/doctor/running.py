"""What a relay that runs on this machine says of itself."""

from typing import Final

import aiohttp

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.monitoring.callbacks import REMEDY
from relay.settings.schema import Settings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=5)


async def check_running(settings: Settings, session: aiohttp.ClientSession) -> list[Finding]:
    """Ask `/readyz` of the internal port."""
    url = f"http://{settings.relay_admin_host}:{settings.relay_admin_port}/readyz"
    try:
        async with session.get(url, timeout=_TIMEOUT) as response:
            said = await response.json()
            unwell = [f"{name}: {check['reason']}" for name, check in said["checks"].items() if not check["ok"]]
            warnings = [wrong(name, str(words), REMEDY) for name, words in said["warnings"].items()]
    except (aiohttp.ClientConnectorError, TimeoutError):
        return [skipped("relay", "none runs on this machine")]
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return [wrong("relay", f"{url} is answered by something else", "Set RELAY_ADMIN_PORT to a free port.")]
    if unwell:
        words = f"runs, and is not well: {'; '.join(unwell)}"
        return [wrong("relay", words, "docs/operations.md says what to do."), *warnings]
    return [well("relay", "runs, and does its work" if warnings else "runs, and is well"), *warnings]
