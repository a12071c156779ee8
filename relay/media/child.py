"""The program that every child process is: `python -I -m relay.media.child MODULE SOURCE RESULT [ARGUMENT ...]`.

MODULE says with `work(*arguments)` what is to be done. The order is what makes it safe: its code is loaded, the source
opened and an empty result made, then everything else is closed for good, and only then the source is looked into.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from relay.media.confinement.closing import confine
from relay.media.confinement.limits import limit

if TYPE_CHECKING:
    from relay.media.work import Work


def main(arguments: list[str]) -> int:
    """Do the work. Whatever goes wrong is an exception, and so an exit status; nobody reads its words."""
    module, source_path, result_path, *rest = arguments
    work: Work = import_module(module).work(*rest)
    work.load()
    source, result = Path(source_path), Path(result_path)
    with source.open("rb") as opened:
        limit(work.limits(source.stat().st_size))
        result.touch(mode=0o600)
        confine(result)
        return work.run(opened, result)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
