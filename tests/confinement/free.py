"""Honest work, done by a child that nothing holds: what is compared with the same work in a confined one."""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from relay.media.confinement import closing
from relay.media.work import Work


def work(late: str, module: str, *arguments: str) -> Work:
    """The work of a module, unconfined. The file `late` gets the names of what is loaded when all should be loaded."""
    honest: Work = import_module(module).work(*arguments)

    def load() -> None:
        honest.load()
        vars(closing).update(open_nothing_but=lambda _: None, allow_only_what_decoding_takes=lambda: None)

    def run(source: BinaryIO, result: Path) -> int:
        before = set(sys.modules)
        code = honest.run(source, result)
        Path(late).write_text(" ".join(sorted(set(sys.modules) - before)))
        return code

    return replace(honest, load=load, run=run)
