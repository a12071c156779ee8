"""Writes answers into `.env`: what else stands there stays, and nobody else may read it."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv import set_key, unset_key


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Set these variables in the file, which is replaced at once or not at all; its mode is 0600 from then on.

    A `NAME_FILE` beside a `NAME` that is written goes, since only one of the two may be there. Raises OSError.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    descriptor, name = tempfile.mkstemp(prefix=".env-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(before if not before or before.endswith("\n") else f"{before}\n")
        for variable, value in values.items():
            if f"{variable}_FILE=" in before:
                unset_key(temporary, f"{variable}_FILE", encoding="utf-8")
            # Quoted where need be, and then in single quotes: in those docker compose too takes a $ for a $.
            set_key(temporary, variable, value, quote_mode="auto", encoding="utf-8")
        temporary.chmod(0o600)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
