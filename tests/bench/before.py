"""The relay as it was at another commit, in a checkout and an environment of its own, to be measured beside today's."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".bench"  #: Ignored by git; kept, since to install takes a minute.


def checkout(commit: str) -> Path:
    """The folder of a checkout of `commit` whose .venv runs it. Raises subprocess.CalledProcessError."""
    full = _git("rev-parse", "--verify", f"{commit}^{{commit}}")
    folder = FOLDER / full[:12]
    if (folder / ".venv" / ".ready").exists():
        return folder
    if folder.exists():
        shutil.rmtree(folder)
        _git("worktree", "prune")
    FOLDER.mkdir(exist_ok=True)
    _git("worktree", "add", "--detach", str(folder), full)
    subprocess.run(["make", "--silent", "-C", str(folder), ".venv/.ready"], check=True)
    return folder


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()
