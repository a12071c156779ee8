"""Whether the processes that decode strangers' files are held as they should be: one is started, and tries."""

import json
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.media.confinement.closing import lacking
from relay.media.subprocesses import run_child

_NAME: Final = "decoders"
_PATIENCE: Final = 15.0  #: Seconds.
_REMEDY: Final = (
    "Run Linux 5.19 or newer, with Landlock switched on (/sys/kernel/security/lsm names it); a container's runtime must"
    " allow it too. All else works without."
)


async def check_children(trial: str = "relay.media.trial") -> Finding:
    """Start a child as for a voice message or a film, and let it try what it must not: `trial` says what."""
    if all(find_spec(decoder) is None for decoder in ("av", "pi_heif", "rlottie_python")):
        return skipped(_NAME, "the extra `media` is not installed, so nothing is decoded")
    try:
        with tempfile.TemporaryDirectory() as place:
            source = Path(place) / "source"
            source.touch()
            code, printed = await run_child(trial, source, Path(place) / "result", seconds=_PATIENCE)
    except OSError as error:
        return wrong(_NAME, f"no process can be started ({os.strerror(error.errno or 0)})", "Free memory or processes.")
    if code:
        return wrong(_NAME, f"a process for strangers' files ends at once (status {code})", "Report it.")
    let: list[str] = json.loads(printed)
    if not let:
        return well(_NAME, "strangers' files are decoded where no file, network or process can be reached")
    missing = " and ".join(lacking()) or "confinement"
    return wrong(_NAME, f"no {missing} here: a bug in a decoder could {' and '.join(let)}", _REMEDY)
